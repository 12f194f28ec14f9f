#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "core/check.h"
#include "image/codec/codecs.h"
#include "image/value_range.h"

namespace lasso {

namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

// The header: a magic number, then width, height and the largest value as decimal numbers, with
// white space and comments (from # to the end of the line) between them. One character of white
// space follows the last number, or a comment and the end of its line.
class Header {
 public:
  Header(std::string_view file, const std::string& name) : file_(file), name_(name), at_(2) {}

  std::uint32_t number(const char* what, std::uint32_t most) {
    skip_to_number();
    std::uint64_t value = 0;
    const std::size_t begin = at_;
    for (; at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9'; ++at_) {
      value = std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(file_[at_] - '0'),
                                      std::numeric_limits<std::uint32_t>::max());
    }
    LASSO_CHECK(at_ < file_.size(), ErrorCode::kCorruptFile,
                "{}: the header is truncated: its {} is missing or cut off", name_, what);
    LASSO_CHECK(at_ > begin && (file_[at_] == '#' || is_space(file_[at_])), ErrorCode::kCorruptFile,
                "{}: the header's {} is not a decimal number", name_, what);
    LASSO_CHECK(value >= 1 && value <= most, ErrorCode::kCorruptFile,
                "{}: the header's {} is {}; expected 1 to {}", name_, what,
                file_.substr(begin, std::min<std::size_t>(at_ - begin, 20)), most);
    return static_cast<std::uint32_t>(value);
  }

  // What follows the header.
  std::string_view pixels() {
    if (file_[at_] == '#') skip_comment();
    return file_.substr(std::min(at_ + 1, file_.size()));
  }

 private:
  static bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }
  void skip_comment() {
    while (at_ < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
  }
  void skip_to_number() {
    for (; at_ < file_.size(); ++at_) {
      if (file_[at_] == '#') skip_comment();
      if (at_ < file_.size() && !is_space(file_[at_])) return;
    }
  }

  std::string_view file_;
  const std::string& name_;
  std::size_t at_;
};

// Rounds half to even, as Python's round() in Pillow's decoder.
std::uint8_t to_byte(int value, int most) {
  const double scaled = std::nearbyint(static_cast<double>(value) / most * 255);
  return static_cast<std::uint8_t>(std::min(scaled, 255.0));
}

// Calls put(i, byte) for all samples, and gathers their values.
template <typename Put>
FileValues read_samples(std::string_view pixels, std::size_t count, int most,
                        const std::optional<ValueRange>& range, const Put& put) {
  const bool wide = most > 255;
  const auto table =
      value_table(wide ? 65536 : 256, range, [&](int value) { return to_byte(value, most); });
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(pixels[i]); };
  FileValues values;
  values.most = most;
  for (std::size_t i = 0; i < count; ++i) {
    const int value = wide ? byte(2 * i) << 8 | byte(2 * i + 1) : byte(i);
    values.add(value);
    put(i, table[static_cast<std::size_t>(value)]);
  }
  return values;
}

}  // namespace

Decoded decode_netpbm(const std::uint8_t* data, std::size_t size, const std::string& name,
                      const ReadImageOptions& options) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const bool gray = file[1] == '5';
  Header header(file, name);
  const std::uint32_t width = header.number("width", 0x7fffffffu);
  const std::uint32_t height = header.number("height", 0x7fffffffu);
  const auto most = static_cast<int>(header.number("largest value", 65535));
  check_size(width, height, name, options);
  // Before memory is asked for: a short file can't claim a large image.
  const std::string_view pixels = header.pixels();
  const std::size_t pixel_bytes = (gray ? 1u : 3u) * (most > 255 ? 2u : 1u);
  const std::size_t count = std::size_t{width} * height;
  LASSO_CHECK(
      pixels.size() / pixel_bytes >= count, ErrorCode::kCorruptFile,
      "{}: the file is truncated: {} bytes follow the header, too few for {}x{} pixels of {} "
      "bytes each",
      name, pixels.size(), width, height, pixel_bytes);
  Decoded result;
  result.image = allocate_rgb(width, height, name, options);
  std::uint8_t* out = result.image.pixels.data();
  if (gray) {
    result.values = read_samples(
        pixels, count, most, options.range,
        [out](std::size_t i, std::uint8_t value) { std::fill_n(out + 3 * i, 3, value); });
  } else {
    result.values = read_samples(pixels, 3 * count, most, options.range,
                                 [out](std::size_t i, std::uint8_t value) { out[i] = value; });
  }
  return result;
}

}  // namespace lasso
