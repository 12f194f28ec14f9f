#include "formats/onnx/external_files.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "formats/onnx/place.h"
#include "formats/text.h"

namespace lasso {

namespace {

namespace fs = std::filesystem;

// Whether `path` lies beneath `folder`; both are canonical.
bool lies_beneath(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

// The folder of the model's path, and that of the file which the path resolves to.
std::vector<fs::path> folders_of(const std::string& model_path) {
  std::vector<fs::path> folders;
  std::error_code error;
  const fs::path path(model_path);
  fs::path folder = fs::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
  if (!error) folders.push_back(std::move(folder));
  const fs::path file = fs::canonical(path, error);
  if (!error && (folders.empty() || file.parent_path() != folders.front())) {
    folders.push_back(file.parent_path());
  }
  return folders;
}

}  // namespace

fs::path ExternalFiles::find(const std::string& location, const Place& place) {
  const std::string shown = printable(location);
  place.check(!location.empty() && location.find('\0') == location.npos,
              "location is {}, and the name of a file is expected",
              location.empty() ? "empty" : shown);
  const fs::path relative(location);
  place.check(!relative.is_absolute(),
              "location is {}, an absolute path; one below the model's folder is expected", shown);
  place.check(std::find(relative.begin(), relative.end(), "..") == relative.end(),
              "location is {}, with \"..\" in it; a path below the model's folder is expected",
              shown);
  if (folders_.empty()) folders_ = folders_of(model_path_);
  bool leaves = false;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    fs::path path = fs::canonical(folder / relative, error);
    if (error || !fs::is_regular_file(path, error)) continue;
    const auto holds = [&](const fs::path& other) { return lies_beneath(path, other); };
    if (std::any_of(folders_.begin(), folders_.end(), holds)) return path;
    leaves = true;
  }
  place.check(!leaves,
              "location is {}, a link that leaves the model's folder; copy the file to where the "
              "link is",
              shown);
  place.refuse(ErrorCode::kCorruptFile,
               "its data are in {}, which is not there: the model is not complete", shown);
}

std::shared_ptr<const MappedFile> ExternalFiles::open(const std::string& location,
                                                      const Place& place) {
  std::shared_ptr<const MappedFile>& file = by_location_[location];
  if (file != nullptr) return file;
  const std::string path = find(location, place).string();
  std::shared_ptr<const MappedFile>& same = by_path_[path];
  if (same == nullptr) same = MappedFile::open(path);
  file = same;
  return file;
}

void ExternalFiles::check_sizes() const {
  for (const auto& [path, file] : by_path_) file->check_size();
}

}  // namespace lasso
