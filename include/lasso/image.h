// Images in memory, read from JPEG, PNG, PPM and PGM files, and pictures of results.
#ifndef LASSO_IMAGE_H_
#define LASSO_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lasso/export.h"

namespace lasso {

enum class PixelFormat : std::uint8_t { kRgb, kBgr, kRgba, kBgra, kGray };

LASSO_EXPORT int channels(PixelFormat format) noexcept;  // 3, 3, 4, 4, 1

// Values of a file's samples. As the range of a picture: `low` and all below become 0, `high` and
// all above become 255, and what lies between becomes (value - low) * 255 / (high - low), rounded
// to the nearest integer, halves upwards. 0 <= low < high <= 65535.
struct ValueRange {
  int low = 0;
  int high = 255;
};
inline bool operator==(const ValueRange& a, const ValueRange& b) {
  return a.low == b.low && a.high == b.high;
}
inline bool operator!=(const ValueRange& a, const ValueRange& b) { return !(a == b); }

// Somebody else's pixels, 8 bits per channel, rows from top to bottom. The memory must stay valid
// and unchanged during the call that takes the view; no call keeps it. Alpha is ignored.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;                    // pixels
  int height = 0;                   // pixels
  std::ptrdiff_t stride_bytes = 0;  // from one row to the next; at least width * channels
  PixelFormat format = PixelFormat::kRgb;
  // How the source's values became these 8 bits: an embedding records it (Embedding::range). It
  // changes nothing in the pixels. None: by their whole range.
  std::optional<ValueRange> range = std::nullopt;
};

// An image that owns its pixels, rows without padding.
struct Image {
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::kRgb;
  std::vector<std::uint8_t> pixels;
  std::optional<ValueRange> range = std::nullopt;  // as ReadImageOptions asked for

  ImageView view() const {
    return {pixels.data(), width, height, static_cast<std::ptrdiff_t>(width) * channels(format),
            format,        range};
  }
};

struct ReadImageOptions {
  // Refused before any pixel is decoded: images that claim more than this many pixels.
  std::int64_t max_pixels = 100'000'000;
  // Refused by read_image() before they are read as a whole: files of more bytes.
  std::int64_t max_file_bytes = std::int64_t{1} << 30;
  // Which of the file's values become 0 and 255. None: the whole range. Then 16 bits of a PNG are
  // reduced to their upper 8, as Pillow and OpenCV do, and values of PPM and PGM are brought from
  // 0..maximum to 0..255. Values of a PNG of 1, 2 or 4 bits, and of palettes, count as 8 bits.
  std::optional<ValueRange> range = std::nullopt;
  // Whether what is odd about a file that can be read goes to the log callback as a warning: a
  // missing end after the last row, 16 bits of which a quarter or less of the range is used.
  bool warnings = true;
};

// Reads a JPEG (baseline, progressive, gray, CMYK), a PNG (any bit depth, palette, gray, with
// alpha; 16 bits are reduced to 8) or a binary PPM or PGM (8 or 16 bits) as RGB, turned as the
// orientation in EXIF or XMP says (JPEG and PNG). The inks of CMYK count as inverted, as Adobe's
// programs store them. The type is told from the content, not from the name; the file may be a
// pipe. A file without its end (JPEG's EOI, PNG's IEND) is read if all rows are there. Throws
// kNotFound (no such file), kCorruptFile (not an image, or a truncated one), kUnsupported (another
// format, too many pixels or bytes; JPEG and PNG where Lasso was built with
// LASSO_IMAGE_CODECS=OFF), kInvalidArgument for a range out of its limits, kOutOfMemory.
LASSO_EXPORT Image read_image(const std::string& path, const ReadImageOptions& options = {});

// The same from a file's bytes; `name` stands in error messages.
LASSO_EXPORT Image decode_image(const std::uint8_t* data, std::size_t size, const std::string& name,
                                const ReadImageOptions& options = {});
LASSO_EXPORT Image decode_image(const std::vector<std::uint8_t>& bytes,
                                const std::string& name = "image",
                                const ReadImageOptions& options = {});

// The lowest and the highest value of a file's samples (alpha apart), to choose one range for
// several pictures: 0..255, or up to 65535 for 16 bits. They may be equal. The same errors; the
// file is decoded, `options.range` and `options.warnings` change nothing, and nothing is logged.
LASSO_EXPORT ValueRange read_value_range(const std::string& path,
                                         const ReadImageOptions& options = {});
LASSO_EXPORT ValueRange decode_value_range(const std::uint8_t* data, std::size_t size,
                                           const std::string& name,
                                           const ReadImageOptions& options = {});

// The bytes of an 8-bit PNG file of the view's format (BGR is stored as RGB); quick rather than
// small: zlib's level 1. Throws kInvalidArgument for a view without pixels or with a bad stride,
// kUnsupported where Lasso was built with LASSO_IMAGE_CODECS=OFF, kOutOfMemory.
LASSO_EXPORT std::vector<std::uint8_t> encode_png(const ImageView& image);

// Writes them to a file, which appears complete or not at all (a temporary file is renamed). Also
// throws kInvalidArgument with the path where it can't be written.
LASSO_EXPORT void write_png(const std::string& path, const ImageView& image);

}  // namespace lasso

#endif  // LASSO_IMAGE_H_
