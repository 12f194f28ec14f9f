#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/file.h"
#include "core/threads.h"
#include "image/codec/codecs.h"

namespace lasso {

namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kShort = 3;  // TIFF's type of a 16-bit integer

// TIFF says in its first two bytes which end of a number comes first.
class TiffReader {
 public:
  TiffReader(const std::uint8_t* data, std::size_t size)
      : reader_(reinterpret_cast<const std::byte*>(data), size, "EXIF") {
    big_endian_ = reader_.text(2) == "MM";
  }
  void seek(std::size_t position) { reader_.seek(position); }
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

int tiff_orientation(const std::uint8_t* tiff, std::size_t size) {
  TiffReader reader(tiff, size);
  if (reader.read16() != 42) return 1;
  reader.seek(reader.read32());  // the first directory; the thumbnail's comes after it
  const int entries = reader.read16();
  for (int i = 0; i < entries; ++i) {
    const std::uint16_t tag = reader.read16();
    const std::uint16_t type = reader.read16();
    const std::uint32_t count = reader.read32();
    const std::uint16_t value = reader.read16();
    reader.read16();
    if (tag != kOrientationTag) continue;
    return type == kShort && count == 1 && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

struct Pixel {
  std::uint8_t rgb[3];
};

}  // namespace

int exif_orientation(const std::uint8_t* segment, std::size_t size) noexcept {
  constexpr std::size_t kHeader = 6;
  if (size < kHeader || std::memcmp(segment, "Exif\0\0", kHeader) != 0) return 1;
  try {
    return tiff_orientation(segment + kHeader, size - kHeader);
  } catch (const std::exception&) {
    return 1;  // a damaged note about the image does not spoil the image
  }
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
