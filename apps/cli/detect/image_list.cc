#include "cli/detect/image_list.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "cli/exit_codes.h"
#include "cli/picture_folder.h"
#include "common/pictures.h"
#include "eval/evaluation_set.h"
#include "lasso/error.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// The pictures of a folder, the last first.
std::vector<std::string> in_folder(const std::string& folder) {
  PictureNames found = find_pictures(folder);
  tell_skipped(folder, found.skipped, found.pictures.size());
  std::reverse(found.pictures.begin(), found.pictures.end());
  return std::move(found.pictures);
}

std::vector<std::string> of_pattern(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  std::reverse(paths.begin(), paths.end());
  return paths;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

bool is_pattern(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

ImageList::ImageList(std::vector<std::string> images, std::string list)
    : images_(std::move(images)), list_(std::move(list)) {
  if (list_.empty() || is_standard_input(list_)) return;
  lines_.open(list_);
  if (!lines_ || is_folder(list_)) {
    usage_error("--image-list {}: {}", list_,
                is_folder(list_) ? "is a folder, expected a file with a name on each line"
                                 : "there is no such file, or it can't be read");
  }
}

std::optional<std::size_t> ImageList::count() const {
  const bool files = std::none_of(images_.begin(), images_.end(), [](const std::string& image) {
    return is_folder(image) || (is_pattern(image) && !exists(image));
  });
  return files && list_.empty() ? std::optional(images_.size()) : std::nullopt;
}

std::optional<std::string> ImageList::next_name() {
  if (next_ < images_.size()) return images_[next_++];
  if (list_.empty()) return std::nullopt;
  std::istream& in = is_standard_input(list_) ? std::cin : lines_;
  std::string line;
  while (std::getline(in, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) return line;
  }
  if (!in.eof()) {
    throw lasso::Error(ErrorCode::kNotFound,
                       fmt::format("--image-list {}: can't be read", picture_name(list_)));
  }
  return std::nullopt;
}

ImageList::Entry ImageList::take(const std::string& name) {
  const bool is_matched = !exists(name) && is_pattern(name);
  if (!is_matched && !is_folder(name)) return {name, ""};
  try {
    folder_ = is_matched ? "" : name;
    found_ = is_matched ? of_pattern(name) : in_folder(name);
  } catch (const lasso::Error& error) {
    return {name, error.what()};
  }
  if (found_.empty()) return {name, name + ": no file fits this pattern"};
  return take_found();
}

ImageList::Entry ImageList::take_found() {
  Entry entry{(fs::path(folder_) / found_.back()).string(), ""};
  found_.pop_back();
  return entry;
}

std::optional<ImageList::Entry> ImageList::next() {
  if (!found_.empty()) return take_found();
  const std::optional<std::string> name = next_name();
  if (!name) return std::nullopt;
  return take(*name);
}

}  // namespace lasso::app
