#include "common/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "cli/console.h"
#include "cli/exit_codes.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// The file that a write to `path` is to make or replace: a link's target, even one that does not
// exist yet.
fs::path follow_links(const fs::path& path) {
  constexpr int kMaxLinks = 40;  // as many as Linux follows
  std::error_code error;
  fs::path target = path;
  for (int i = 0; i < kMaxLinks && fs::is_symlink(fs::symlink_status(target, error)); ++i) {
    const fs::path link = fs::read_symlink(target, error);
    if (error) break;
    target = target.parent_path() / link;  // an absolute link replaces all
  }
  return target;
}

// A device, a pipe, a socket or a link that leads in circles must not be renamed over.
bool can_be_replaced(const fs::path& target) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(target, ignored);
  return !fs::exists(status) || fs::is_regular_file(status);
}

// Opens a new file, never one that is there already, and gives its name; nullptr and errno where
// that is not possible.
std::FILE* new_file_beside(const fs::path& target, std::string* name) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string candidate = fmt::format("{}.{}-{}.tmp", target.string(), getpid(), attempt);
    std::FILE* file = std::fopen(candidate.c_str(), "wbx");
    if (file != nullptr) *name = candidate;
    if (file != nullptr || errno != EEXIST) return file;
  }
  return nullptr;
}

// One text for one file, however it is named.
std::string identity(const fs::path& path) {
  std::error_code error;
  const fs::path target = follow_links(path);
  const fs::path canonical = fs::weakly_canonical(fs::absolute(target, error), error);
  return error ? target.string() : canonical.string();
}

}  // namespace

std::string read_file(const std::string& option, const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    usage_error("{} {}: is a folder, expected a file", option, path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) usage_error("{} {}: {}", option, path, std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) usage_error("{} {}: cannot be read", option, path);
  return text;
}

void write_file(const std::string& path, std::string_view bytes) {
  const FileGuard guard;
  const fs::path target = follow_links(path);
  if (!can_be_replaced(target)) usage_error("{}: can't be written: not a regular file", path);
  std::string temporary;
  const auto fail = [&] {
    const int reason = errno;
    if (!temporary.empty()) std::remove(temporary.c_str());
    throw Failure(Exit::kSomeFailed,
                  fmt::format("{}: can't be written: {}", path, std::strerror(reason)));
  };
  std::FILE* file = new_file_beside(target, &temporary);
  if (file == nullptr) fail();
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if ((std::fclose(file) != 0) || !written) fail();
  if (std::rename(temporary.c_str(), target.c_str()) != 0) fail();
}

void write_with(const std::function<void()>& write) {
  const FileGuard guard;
  try {
    write();
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw;
    throw Failure(Exit::kSomeFailed, error.what());
  }
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return identity(a) == identity(b) || fs::equivalent(a, b, ignored);
}

void check_output_file(const std::string& option, const std::string& path) {
  const fs::path target = follow_links(path);
  if (!can_be_replaced(target)) {
    usage_error("{} {}: can't be written: not a regular file", option, path);
  }
  const fs::path parent = target.parent_path();
  std::error_code ignored;
  if (!parent.empty() && !fs::is_directory(parent, ignored)) {
    usage_error("{} {}: there is no folder {}", option, path, parent.string());
  }
}

void check_writable(const std::string& option, const std::string& path) {
  const FileGuard guard;
  std::string temporary;
  std::FILE* file = new_file_beside(follow_links(path), &temporary);
  if (file == nullptr)
    usage_error("{} {}: can't be written: {}", option, path, std::strerror(errno));
  std::fclose(file);
  std::remove(temporary.c_str());
}

std::string stem(const std::string& path) {
  const std::string name = fs::path(path).stem().string();
  return name.empty() ? "image" : name;
}

std::vector<std::string> OutputNames::claim(const fs::path& folder,
                                            const std::vector<Name>& names) {
  for (int number = 1;; ++number) {
    std::vector<std::string> paths;
    for (const Name& name : names) {
      const std::string suffix = number == 1 ? "" : fmt::format("-{}", number);
      paths.push_back((folder / (name.base + suffix + name.extension)).string());
    }
    const bool free = std::none_of(paths.begin(), paths.end(), [this](const std::string& path) {
      std::error_code ignored;
      return claimed_.count(identity(path)) > 0 || fs::exists(fs::symlink_status(path, ignored));
    });
    if (!free) continue;
    for (const std::string& path : paths) reserve(path);
    return paths;
  }
}

void OutputNames::reserve(const std::string& path) { claimed_.insert(identity(path)); }

}  // namespace lasso::app
