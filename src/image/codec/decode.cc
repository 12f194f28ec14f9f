#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "core/log.h"
#include "image/codec/codecs.h"
#include "image/value_range.h"

namespace lasso {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

// Formats that are told from their first bytes only to be named in the error.
constexpr std::array kOtherFormats{
    Magic{0, "GIF8"sv, "GIF"sv},
    Magic{8, "WEBP"sv, "WebP"sv},
    Magic{0, "BM"sv, "BMP"sv},
    Magic{0, "II*\0"sv, "TIFF"sv},
    Magic{0, "MM\0*"sv, "TIFF"sv},
    Magic{0, "II+\0"sv, "BigTIFF"sv},
    Magic{0, "MM\0+"sv, "BigTIFF"sv},
    Magic{4, "ftypavif"sv, "AVIF"sv},
    Magic{4, "ftyphei"sv, "HEIC"sv},
    Magic{4, "ftyphev"sv, "HEIC"sv},
    Magic{4, "ftypmif1"sv, "HEIF"sv},
    Magic{4, "ftypmsf1"sv, "HEIF"sv},
    Magic{4, "ftyp"sv, "MP4 or QuickTime"sv},
    Magic{4, "jP  \r\n"sv, "JPEG 2000"sv},
    Magic{0, "\xff\x4f\xff\x51"sv, "JPEG 2000"sv},
    Magic{4, "JXL \r\n"sv, "JPEG XL"sv},
    Magic{0, "\xff\x0a"sv, "JPEG XL"sv},
    Magic{0, "8BPS"sv, "Photoshop"sv},
    Magic{0, "P1\n"sv, "plain-text PBM"sv},
    Magic{0, "P2\n"sv, "plain-text PGM"sv},
    Magic{0, "P3\n"sv, "plain-text PPM"sv},
    Magic{0, "P4\n"sv, "PBM"sv},
    Magic{0, "P7\n"sv, "PAM"sv},
    Magic{128, "DICM"sv, "DICOM"sv},
    Magic{0, "%PDF"sv, "PDF"sv},
    Magic{0, "<svg"sv, "SVG"sv},
    Magic{0, "\x93NUMPY"sv, "NumPy array"sv},
};

bool has(std::string_view file, std::size_t offset, std::string_view bytes) {
  return file.size() >= offset + bytes.size() && file.substr(offset, bytes.size()) == bytes;
}

// Letters alone would be found in texts, too.
bool is_netpbm(std::string_view file) {
  return (has(file, 0, "P5"sv) || has(file, 0, "P6"sv)) && file.size() > 2 &&
         " \t\n\v\f\r#"sv.find(file[2]) != std::string_view::npos;
}

Decoded decode(const std::uint8_t* data, std::size_t size, const std::string& name,
               const ReadImageOptions& options) {
  LASSO_CHECK(data != nullptr && size > 0, ErrorCode::kCorruptFile,
              "{}: the file is empty; a JPEG, PNG, PPM or PGM image was expected", name);
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  try {
    if (has(file, 0, "\xff\xd8\xff"sv)) return decode_jpeg(data, size, name, options);
    if (has(file, 0, "\x89PNG\r\n\x1a\n"sv)) return decode_png(data, size, name, options);
    if (is_netpbm(file)) return decode_netpbm(data, size, name, options);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "{}: no memory to decode the image", name);
  }
  for (const Magic& magic : kOtherFormats) {
    LASSO_CHECK(!has(file, magic.offset, magic.bytes), ErrorCode::kUnsupported,
                "{}: a file of format {}; convert it to JPEG or PNG", name, magic.format);
  }
  fail(ErrorCode::kCorruptFile, "{}: not an image; a JPEG, PNG, PPM or PGM image was expected",
       name);
}

void warn(const std::string& name, const Decoded& decoded, const ReadImageOptions& options) {
  if (!decoded.remark.empty()) {
    log(LogLevel::kWarning, fmt::format("{}: {}", name, decoded.remark));
  }
  if (options.range || !decoded.values || decoded.values->most <= 255) return;
  const FileValues& values = *decoded.values;
  // An image of one value has no range to be shown better.
  const int used = values.high - values.low;
  if (used == 0 || 4 * used > values.most) return;
  log(LogLevel::kWarning,
      fmt::format("{}: its values, from {} to {}, are a small part of 0 to {}, so that it becomes "
                  "nearly uniform; --range auto or --range {}:{} makes use of all 8 bits",
                  name, values.low, values.high, values.most, values.low, values.high));
}

std::string read_picture_file(const std::string& path, const ReadImageOptions& options) {
  return read_file(path,
                   static_cast<std::size_t>(std::max<std::int64_t>(options.max_file_bytes, 0)));
}

}  // namespace

void check_size(std::uint32_t width, std::uint32_t height, const std::string& name,
                const ReadImageOptions& options) {
  LASSO_CHECK(width > 0 && height > 0 && width <= 0x7fffffffu && height <= 0x7fffffffu,
              ErrorCode::kCorruptFile, "{}: the image says that it has {}x{} pixels", name, width,
              height);
  const std::uint64_t pixels = std::uint64_t{width} * height;
  LASSO_CHECK(options.max_pixels >= 0 && pixels <= static_cast<std::uint64_t>(options.max_pixels),
              ErrorCode::kUnsupported,
              "{}: the image says that it has {}x{} pixels, more than the limit of {} pixels "
              "(--max-pixels)",
              name, width, height, options.max_pixels);
}

Image allocate_rgb(std::uint32_t width, std::uint32_t height, const std::string& name,
                   const ReadImageOptions& options) {
  check_size(width, height, name, options);
  const std::uint64_t pixels = std::uint64_t{width} * height;
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.format = PixelFormat::kRgb;
  try {
    image.pixels.resize(3 * static_cast<std::size_t>(pixels));
  } catch (const std::exception&) {
    fail(ErrorCode::kOutOfMemory, "{}: no memory for {}x{} pixels", name, width, height);
  }
  return image;
}

Image decode_image(const std::uint8_t* data, std::size_t size, const std::string& name,
                   const ReadImageOptions& options) {
  if (options.range) check_range(*options.range);
  Decoded decoded = decode(data, size, name, options);
  Image& image = decoded.image;
  image.range = options.range;
  if (options.range && !decoded.values) {
    const auto table =
        value_table(256, options.range, [](int value) { return static_cast<std::uint8_t>(value); });
    for (std::uint8_t& value : image.pixels) value = table[value];
  }
  if (options.warnings) warn(name, decoded, options);
  return std::move(image);
}

Image decode_image(const std::vector<std::uint8_t>& bytes, const std::string& name,
                   const ReadImageOptions& options) {
  return decode_image(bytes.data(), bytes.size(), name, options);
}

Image read_image(const std::string& path, const ReadImageOptions& options) {
  const std::string file = read_picture_file(path, options);
  return decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), path,
                      options);
}

ValueRange decode_value_range(const std::uint8_t* data, std::size_t size, const std::string& name,
                              const ReadImageOptions& options) {
  ReadImageOptions whole = options;
  whole.range.reset();
  const Decoded decoded = decode(data, size, name, whole);
  if (decoded.values) return {decoded.values->low, decoded.values->high};
  const auto [low, high] =
      std::minmax_element(decoded.image.pixels.begin(), decoded.image.pixels.end());
  return {*low, *high};
}

ValueRange read_value_range(const std::string& path, const ReadImageOptions& options) {
  const std::string file = read_picture_file(path, options);
  return decode_value_range(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), path,
                            options);
}

}  // namespace lasso
