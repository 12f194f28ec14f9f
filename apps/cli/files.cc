#include "files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "console.h"
#include "exit_codes.h"

namespace lasso::cli {

namespace fs = std::filesystem;

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
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  const auto fail = [&] {
    const int reason = errno;
    std::remove(temporary.c_str());
    throw Failure(Exit::kSomeFailed,
                  fmt::format("{}: cannot be written: {}", path, std::strerror(reason)));
  };
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) fail();
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if ((std::fclose(file) != 0) || !written) fail();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

void check_output_file(const std::string& option, const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  std::error_code ignored;
  if (!parent.empty() && !fs::is_directory(parent, ignored)) {
    usage_error("{} {}: there is no folder {}", option, path, parent.string());
  }
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
      return claimed_.count(path) > 0 || fs::exists(fs::symlink_status(path, ignored));
    });
    if (!free) continue;
    claimed_.insert(paths.begin(), paths.end());
    return paths;
  }
}

}  // namespace lasso::cli
