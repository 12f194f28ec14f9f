#include "common/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/errors.h"
#include "common/file_guard.h"
#include "common/pictures.h"
#include "core/check.h"
#include "core/file.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// A device, a pipe, a socket or a link that leads in circles must not be renamed over.
bool can_be_replaced(const fs::path& target) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(target, ignored);
  return !fs::exists(status) || fs::is_regular_file(status);
}

// One text for one file, however it is named.
std::string identity(const fs::path& path) {
  std::error_code error;
  const fs::path target = follow_links(path.string());
  const fs::path canonical = fs::weakly_canonical(fs::absolute(target, error), error);
  return error ? target.string() : canonical.string();
}

}  // namespace

void write_file(const std::string& path, std::string_view bytes) {
  write_with([&] { lasso::write_file(path, bytes); });
}

void write_with(const std::function<void()>& write) {
  const FileGuard guard;
  try {
    write();
  } catch (const Error& error) {
    if (is_fatal(error)) throw;
    throw OutputError(error.what());
  }
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return identity(a) == identity(b) || fs::equivalent(a, b, ignored);
}

void check_output_file(const std::string& path) {
  const fs::path target = follow_links(path);
  LASSO_CHECK(can_be_replaced(target), ErrorCode::kInvalidArgument,
              "{}: can't be written: not a regular file", path);
  const fs::path parent = target.parent_path();
  std::error_code ignored;
  LASSO_CHECK(parent.empty() || fs::is_directory(parent, ignored), ErrorCode::kInvalidArgument,
              "{}: there is no folder {}", path, parent.string());
  check_name_length(target.string());
}

void check_writable(const std::string& path) {
  check_output_file(path);
  struct Enough {};
  const FileGuard guard;
  try {
    write_atomically(path, [](const std::string& /*temporary*/) { throw Enough{}; });
  } catch (const Enough&) {
    return;  // a new file could be made beside it, and is gone
  }
}

void check_output_folder(const std::string& folder) {
  std::error_code ignored;
  const fs::file_status status = fs::status(folder, ignored);
  LASSO_CHECK(!fs::exists(status) || fs::is_directory(status), ErrorCode::kInvalidArgument,
              "{}: is not a folder", folder);
  // The folder, or the nearest one above it that exists, must take what is written.
  fs::path place = fs::absolute(folder, ignored);
  while (!fs::exists(place, ignored) && place != place.parent_path()) place = place.parent_path();
  LASSO_CHECK(::access(place.c_str(), W_OK | X_OK) == 0, ErrorCode::kInvalidArgument,
              "{}: can't be written: {}", folder, std::strerror(errno));
}

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  std::error_code ignored;
  LASSO_CHECK(fs::is_directory(folder, ignored), ErrorCode::kInvalidArgument,
              "{}: is not a folder and can't be made one{}", folder,
              error ? ": " + error.message() : "");
}

std::string stem(const std::string& path) {
  const std::string name = fs::path(picture_name(path)).stem().string();
  return name.empty() ? "image" : name;
}

OutputNames::Found OutputNames::find(const fs::path& folder, const std::vector<Name>& names) {
  int number = 1;
  for (const Name& name : names) {
    const auto next = next_.find((folder / (name.base + name.extension)).string());
    if (next != next_.end()) number = std::max(number, next->second);
  }
  for (;; ++number) {
    ++tries_;
    Found found{{}, number};
    for (const Name& name : names) {
      const std::string suffix = number == 1 ? "" : fmt::format("-{}", number);
      found.paths.push_back((folder / (name.base + suffix + name.extension)).string());
    }
    for (const std::string& path : found.paths) write_with([&] { check_name_length(path); });
    const bool free =
        std::none_of(found.paths.begin(), found.paths.end(), [this](const std::string& path) {
          std::error_code ignored;
          return claimed_.count(identity(path)) > 0 ||
                 fs::exists(fs::symlink_status(path, ignored));
        });
    if (free) return found;
  }
}

void OutputNames::set_next(const fs::path& folder, const std::vector<Name>& names, int number) {
  for (const Name& name : names) next_[(folder / (name.base + name.extension)).string()] = number;
}

std::vector<std::string> OutputNames::claim(const fs::path& folder,
                                            const std::vector<Name>& names) {
  const std::lock_guard lock(mutex_);
  Found found = find(folder, names);
  for (const std::string& path : found.paths) claimed_.insert(identity(path));
  if (found.number > 1) set_next(folder, names, found.number + 1);
  return std::move(found.paths);
}

void OutputNames::check(const fs::path& folder, const std::vector<Name>& names) {
  const std::lock_guard lock(mutex_);
  find(folder, names);
}

void OutputNames::written(const std::string& path) {
  const std::lock_guard lock(mutex_);
  claimed_.erase(identity(path));
}

void OutputNames::reserve(const std::string& path) {
  const std::lock_guard lock(mutex_);
  claimed_.insert(identity(path));
}

}  // namespace lasso::app
