#include "npy.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "exit_codes.h"

namespace lasso::cli {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;  // 1 GiB: far more than any logits

// Reads the header, a Python dict such as {'descr': '<f4', 'fortran_order': False, 'shape': (64,
// 64), }
class HeaderReader {
 public:
  HeaderReader(const std::string& name, std::string_view text) : name_(name), text_(text) {}

  std::vector<std::int64_t> read_shape() {
    std::optional<std::vector<std::int64_t>> shape;
    bool has_type = false;
    bool has_order = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        const std::string type = quoted();
        if (type != "<f4") refuse("has type \"" + type + "\", expected float32 (\"<f4\")");
        has_type = true;
      } else if (key == "fortran_order") {
        if (word() != "False") refuse("is in Fortran order, expected C order");
        has_order = true;
      } else if (key == "shape") {
        shape = tuple();
      } else {
        refuse("has an unknown header key \"" + key + "\"");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!text_.empty() || !shape || !has_type || !has_order) refuse("has a broken header");
    return *shape;
  }

  [[noreturn]] void refuse(const std::string& problem) const {
    usage_error("{}: the .npy file {}", name_, problem);
  }

 private:
  void skip() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) {
      text_.remove_prefix(1);
    }
  }
  bool accept(char c) {
    skip();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse("has a broken header");
  }
  std::string quoted() {
    expect('\'');
    const std::size_t end = text_.find('\'');
    if (end == std::string_view::npos) refuse("has a broken header");
    std::string result(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return result;
  }
  std::string word() {
    skip();
    std::size_t n = 0;
    while (n < text_.size() && text_[n] >= 'A' && text_[n] <= 'z') ++n;
    std::string result(text_.substr(0, n));
    text_.remove_prefix(n);
    return result;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> result;
    std::int64_t elements = 1;
    expect('(');
    while (!accept(')')) {
      skip();
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc() || value < 1 || value > kMaxElements || result.size() == 8) {
        refuse("has an impossible shape");
      }
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      elements *= value;  // at most 2^28 * 2^28
      if (elements > kMaxElements) refuse("has an impossible shape");
      result.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  const std::string& name_;
  std::string_view text_;
};

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Array parse_npy(const std::string& name, std::string_view bytes) {
  const auto refuse = [&](const char* problem) { usage_error("{}: {}", name, problem); };
  if (bytes.substr(0, kMagic.size()) != kMagic) refuse("is not a .npy file");
  // Two bytes of version, then the header's length in 2 bytes (version 1) or 4 (2 and 3).
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 12) refuse("the .npy file is truncated");
  const int version = byte(6);
  if (version < 1 || version > 3) refuse("the .npy file has an unknown version");
  const std::size_t start = version == 1 ? 10 : 12;
  std::size_t length = byte(8) | static_cast<std::size_t>(byte(9)) << 8;
  if (version > 1) {
    length |= static_cast<std::size_t>(byte(10)) << 16 | static_cast<std::size_t>(byte(11)) << 24;
  }
  if (length > bytes.size() - start) refuse("the .npy file is truncated");

  HeaderReader header(name, bytes.substr(start, length));
  Array array;
  array.shape = header.read_shape();
  std::size_t elements = 1;
  for (const std::int64_t dimension : array.shape) elements *= static_cast<std::size_t>(dimension);
  const std::string_view data = bytes.substr(start + length);
  if (data.size() != elements * sizeof(float)) {
    header.refuse(fmt::format("has {} bytes of data, expected {} for float32 {}", data.size(),
                              elements * sizeof(float), shape_text(array.shape)));
  }
  array.values.resize(elements);
  std::memcpy(array.values.data(), data.data(), data.size());
  return array;
}

std::string format_npy(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
  const std::string comma = shape.size() == 1 ? "," : "";
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}",
                                   fmt::join(shape, ", "), comma);
  // The data start at a multiple of 64 bytes.
  const std::size_t before = kMagic.size() + 4;
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return bytes;
}

}  // namespace lasso::cli
