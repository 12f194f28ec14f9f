#include <algorithm>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "core/threads.h"
#include "image/codec/codecs.h"

namespace lasso {

namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;

// TIFF says in its first two bytes which end of a number comes first.
class TiffReader {
 public:
  explicit TiffReader(std::string_view tiff)
      : reader_(reinterpret_cast<const std::byte*>(tiff.data()), tiff.size(), "EXIF") {
    big_endian_ = reader_.text(2) == "MM";
  }
  void seek(std::size_t position) { reader_.seek(position); }
  std::size_t position() const { return reader_.position(); }
  std::uint8_t read8() { return reader_.read<std::uint8_t>(); }
  std::uint16_t read16() {
    const auto value = reader_.read<std::uint16_t>();
    return big_endian_ ? __builtin_bswap16(value) : value;
  }
  std::uint32_t read32() {
    const auto value = reader_.read<std::uint32_t>();
    return big_endian_ ? __builtin_bswap32(value) : value;
  }

 private:
  ByteReader reader_;
  bool big_endian_ = false;
};

// The only value of an entry, which has one of TIFF's types of integers; 0 if it is not that.
// Writers differ about the type: SHORT is the standard's.
std::uint32_t integer_value(TiffReader& reader, std::uint16_t type, std::uint32_t count) {
  if (count != 1) return 0;
  switch (type) {
    case 1:  // BYTE, SBYTE
    case 6:
      return reader.read8();
    case 3:  // SHORT, SSHORT
    case 8:
      return reader.read16();
    case 4:  // LONG, SLONG
    case 9:
      return reader.read32();
    default:
      return 0;
  }
}

std::optional<int> tiff_orientation(std::string_view tiff) {
  TiffReader reader(tiff);
  if (reader.read16() != 42) return std::nullopt;
  reader.seek(reader.read32());  // the first directory; the thumbnail's comes after it
  const int entries = reader.read16();
  for (int i = 0; i < entries; ++i) {
    constexpr std::size_t kEntry = 12;
    const std::size_t next = reader.position() + kEntry;
    const std::uint16_t tag = reader.read16();
    const std::uint16_t type = reader.read16();
    const std::uint32_t count = reader.read32();
    if (tag == kOrientationTag) {
      const std::uint32_t value = integer_value(reader, type, count);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    reader.seek(next);
  }
  return std::nullopt;
}

struct Pixel {
  std::uint8_t rgb[3];
};

}  // namespace

std::optional<int> exif_orientation(std::string_view exif) noexcept {
  constexpr std::string_view kHeader("Exif\0\0", 6);
  if (exif.substr(0, kHeader.size()) == kHeader) exif.remove_prefix(kHeader.size());
  if (exif.substr(0, 2) != "II" && exif.substr(0, 2) != "MM") return std::nullopt;
  try {
    return tiff_orientation(exif);
  } catch (const std::exception&) {
    return std::nullopt;  // a damaged note about the image does not spoil the image
  }
}

// It may stand as an attribute or as an element: tiff:Orientation="6", <tiff:Orientation>6.
std::optional<int> xmp_orientation(std::string_view xmp) noexcept {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at)) {
    at += kName.size();
    const std::string_view rest = xmp.substr(at);
    const std::size_t skip = rest.substr(0, 2) == "=\"" ? 2 : rest.substr(0, 1) == ">" ? 1 : 0;
    if (skip == 0 || rest.size() <= skip || rest[skip] < '0' || rest[skip] > '9') continue;
    const int value = rest[skip] - '0';
    return value >= 1 && value <= 8 ? value : 1;
  }
  return std::nullopt;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool transpose = orientation >= 5;
  // Where the pixel of output (x, y) lies in the stored image, per axis of the stored image.
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out;
  out.width = transpose ? image.height : image.width;
  out.height = transpose ? image.width : image.height;
  out.format = image.format;
  out.range = image.range;
  out.pixels.resize(image.pixels.size());
  static_assert(sizeof(Pixel) == 3);
  const auto* from = reinterpret_cast<const Pixel*>(image.pixels.data());
  auto* to = reinterpret_cast<Pixel*>(out.pixels.data());
  const std::int64_t stored_width = image.width;
  // From one output column, or row, to the next, the source moves by a column or a row, forwards or
  // back.
  const std::int64_t column = from_right ? -1 : 1;
  const std::int64_t row = from_bottom ? -stored_width : stored_width;
  const std::int64_t start =
      (from_right ? stored_width - 1 : 0) + (from_bottom ? stored_width * (image.height - 1) : 0);
  const std::int64_t step_x = transpose ? row : column;
  const std::int64_t step_y = transpose ? column : row;
  constexpr std::int64_t kTile = 32;  // tiles keep the strided reads in the cache
  const std::int64_t width = out.width;
  const std::int64_t height = out.height;
  const ThreadLimit limit(1);  // there is no context that says how many
  parallel_ranges((height + kTile - 1) / kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y0 = begin * kTile; y0 < std::min(end * kTile, height); y0 += kTile) {
      const std::int64_t y1 = std::min(y0 + kTile, height);
      for (std::int64_t x0 = 0; x0 < width; x0 += kTile) {
        const std::int64_t x1 = std::min(x0 + kTile, width);
        for (std::int64_t y = y0; y < y1; ++y) {
          for (std::int64_t x = x0; x < x1; ++x) {
            to[y * width + x] = from[start + x * step_x + y * step_y];
          }
        }
      }
    }
  });
  return out;
}

}  // namespace lasso
