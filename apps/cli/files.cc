#include "files.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

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

namespace {

void append_u32(std::string* out, std::uint32_t value) {  // big-endian, as PNG has it
  for (const int shift : {24, 16, 8, 0}) *out += static_cast<char>(value >> shift & 0xff);
}

void append_chunk(std::string* png, const char* type, const std::string& data) {
  append_u32(png, static_cast<std::uint32_t>(data.size()));
  const std::string body = type + data;
  *png += body;
  append_u32(png, static_cast<std::uint32_t>(
                      crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size())));
}

}  // namespace

void write_png16(const std::string& path, const std::vector<std::uint16_t>& pixels, int width,
                 int height) {
  // Rows of big-endian samples, each after the number of its filter (0: none).
  std::string rows;
  rows.reserve((static_cast<std::size_t>(width) * 2 + 1) * static_cast<std::size_t>(height));
  std::size_t i = 0;
  for (int y = 0; y < height; ++y) {
    rows += '\0';
    for (int x = 0; x < width; ++x, ++i) {
      rows += static_cast<char>(pixels[i] >> 8);
      rows += static_cast<char>(pixels[i] & 0xff);
    }
  }
  uLongf size = compressBound(rows.size());
  std::string compressed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(compressed.data()), &size,
                reinterpret_cast<const Bytef*>(rows.data()), rows.size(), 6) != Z_OK) {
    throw Failure(Exit::kSomeFailed, fmt::format("{}: cannot be compressed", path));
  }
  compressed.resize(size);

  std::string header;
  append_u32(&header, static_cast<std::uint32_t>(width));
  append_u32(&header, static_cast<std::uint32_t>(height));
  header +=
      std::string("\x10\0\0\0\0", 5);  // 16 bits, gray, deflate, standard filters, not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  append_chunk(&png, "IHDR", header);
  append_chunk(&png, "IDAT", compressed);
  append_chunk(&png, "IEND", "");
  write_file(path, png);
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
