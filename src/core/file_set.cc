#include "core/file_set.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "core/check.h"
#include "core/file.h"
#include "core/file_writer.h"

namespace lasso {

namespace {

// Calls make(name) with new names beside `path` until it returns true, and returns that name. It is
// no longer than the file's own: that one fits wherever the file does. It is ASCII, since a name
// that is cut may be one that the file system refuses.
template <typename Make>
std::string make_temporary(const std::string& path, Make&& make) {
  constexpr std::string_view kPrefix = ".lasso-";
  constexpr std::string_view kCharacters = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kRandomCharacters = 9;
  const std::filesystem::path target(path);
  const std::size_t most = target.filename().string().size();
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name(most >= kPrefix.size() + kRandomCharacters ? kPrefix : "");
    const std::size_t size = name.size() + std::min(kRandomCharacters, most);
    while (name.size() < size) name += kCharacters[random() % kCharacters.size()];
    std::string file = (target.parent_path() / name).string();
    if (make(file)) return file;
    if (errno != EEXIST) break;
  }
  fail(ErrorCode::kInvalidArgument, "{}: can't be written: {}", path, std::strerror(errno));
}

// Whether both paths, of which no file need be there, name the same one: folders have many names.
bool are_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  if (a.filename() != b.filename()) return false;
  std::error_code ignored;
  const auto folder = [](const std::filesystem::path& path) { return path.parent_path() / "."; };
  return std::filesystem::equivalent(folder(a), folder(b), ignored);
}

// Under which an open file without a name can be written and linked.
std::string name_of(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

// A file without a name in the target's folder, of which nothing is left if the process is killed,
// with the permissions of an ordinary new file. Negative where the file system has none.
int make_unnamed(const std::string& target) {
  std::string folder = std::filesystem::path(target).parent_path().string();
  if (folder.empty()) folder = ".";
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor < 0 || access(name_of(descriptor).c_str(), W_OK) == 0) return descriptor;
  ::close(descriptor);  // there is no /proc, and so no way to it by a name
  return -1;
}

}  // namespace

FileSet::~FileSet() {
  for (const File& file : files_) {
    if (file.descriptor >= 0) ::close(file.descriptor);
    if (!file.temporary.empty()) unlink(file.temporary.c_str());
  }
}

// A short name may be another file's of the set, which would then be renamed over this one.
std::string FileSet::temporary_for(const File& file,
                                   const std::function<bool(const std::string& name)>& make) const {
  return make_temporary(file.target, [&](const std::string& name) {
    const bool is_taken = std::any_of(files_.begin(), files_.end(), [&](const File& other) {
      return are_same(other.target, name);
    });
    if (is_taken) errno = EEXIST;
    return !is_taken && make(name);
  });
}

void FileSet::write(const std::string& path,
                    const std::function<void(const std::string& temporary)>& write) {
  const std::string target = follow_links(path);
  // Anything but a file, such as a device or a link in circles, must not be renamed over.
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(target, ignored);
  LASSO_CHECK(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status),
              ErrorCode::kInvalidArgument, "{}: can't be written: not a regular file", path);
  check_name_length(target);
  File& file = files_.emplace_back();
  file.target = target;
  file.descriptor = make_unnamed(target);
  if (file.descriptor >= 0) return write(name_of(file.descriptor));
  file.temporary = temporary_for(file, [](const std::string& name) {
    const int made = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (made >= 0) ::close(made);
    return made >= 0;
  });
  write(file.temporary);
}

void FileSet::write_text(const std::string& path, std::string_view content) {
  write(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.append(content);
    out.close();
  });
}

void FileSet::commit() {
  for (File& file : files_) {
    if (file.descriptor < 0) continue;
    // A link replaces no file, and a renaming does.
    file.temporary = temporary_for(file, [&](const std::string& candidate) {
      return linkat(AT_FDCWD, name_of(file.descriptor).c_str(), AT_FDCWD, candidate.c_str(),
                    AT_SYMLINK_FOLLOW) == 0;
    });
  }
  std::vector<std::string> made;
  for (File& file : files_) {
    std::error_code ignored;
    const bool is_new = !std::filesystem::exists(file.target, ignored);
    if (std::rename(file.temporary.c_str(), file.target.c_str()) != 0) {
      const int error = errno;
      for (const std::string& target : made) unlink(target.c_str());
      fail(ErrorCode::kInvalidArgument, "{}: can't be written: {}", file.target,
           std::strerror(error));
    }
    file.temporary.clear();
    if (is_new) made.push_back(file.target);
  }
}

void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write) {
  FileSet files;
  files.write(path, write);
  files.commit();
}

void write_file(const std::string& path, std::string_view content) {
  FileSet files;
  files.write_text(path, content);
  files.commit();
}

}  // namespace lasso
