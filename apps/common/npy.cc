#include "common/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <optional>

#include "cli/exit_codes.h"

namespace lasso::app {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;  // 1 GiB: far more than any logits

// Reads the header, a Python dict such as {'descr': '<f4', 'fortran_order': False, 'shape': (64,
// 64), }
class HeaderReader {
 public:
  HeaderReader(const std::string& name, std::string_view text) : name_(name), text_(text) {}

  // The element type that read_shape saw.
  const std::string& type() const { return type_; }

  std::vector<std::int64_t> read_shape(std::initializer_list<std::string_view> types,
                                       const char* expected) {
    std::optional<std::vector<std::int64_t>> shape;
    bool has_order = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        type_ = quoted();
        if (std::find(types.begin(), types.end(), type_) == types.end()) {
          refuse("has type \"" + type_ + "\", expected " + expected);
        }
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
    if (!text_.empty() || !shape || type_.empty() || !has_order) refuse("has a broken header");
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
  std::string type_;
};

// A file taken apart.
struct Parts {
  std::vector<std::int64_t> shape;
  std::string type;
  std::size_t elements = 1;
  std::string_view data;
};

Parts take_apart(const std::string& name, std::string_view bytes,
                 std::initializer_list<std::string_view> types, const char* expected) {
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
  Parts parts;
  parts.shape = header.read_shape(types, expected);
  parts.type = header.type();
  for (const std::int64_t dimension : parts.shape) {
    parts.elements *= static_cast<std::size_t>(dimension);
  }
  parts.data = bytes.substr(start + length);
  const std::size_t size = parts.elements * (parts.type == "<f4" ? sizeof(float) : 1);
  if (parts.data.size() != size) {
    header.refuse(fmt::format("has {} bytes of data, expected {} for {} {}", parts.data.size(),
                              size, parts.type == "<f4" ? "float32" : "bytes",
                              shape_text(parts.shape)));
  }
  return parts;
}

}  // namespace

Array parse_npy(const std::string& name, std::string_view bytes) {
  const Parts parts = take_apart(name, bytes, {"<f4"}, "float32 (\"<f4\")");
  Array array;
  array.shape = parts.shape;
  array.values.resize(parts.elements);
  std::memcpy(array.values.data(), parts.data.data(), parts.data.size());
  return array;
}

MaskArray parse_npy_masks(const std::string& name, std::string_view bytes) {
  const Parts parts = take_apart(name, bytes, {"|b1", "|u1", "<f4"}, "bool, uint8 or float32");
  MaskArray array;
  array.shape = parts.shape;
  array.values.resize(parts.elements);
  for (std::size_t i = 0; i < parts.elements; ++i) {
    float logit = 0;
    if (parts.type == "<f4") {
      std::memcpy(&logit, parts.data.data() + i * sizeof(float), sizeof(float));
    } else {
      logit = parts.data[i] != 0 ? 1.0F : 0.0F;
    }
    array.values[i] = logit > 0 ? 1 : 0;
  }
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

}  // namespace lasso::app
