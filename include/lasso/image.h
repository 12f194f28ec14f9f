// Images in memory, read from JPEG, PNG, PPM and PGM files, and pictures of results.
#ifndef LASSO_IMAGE_H_
#define LASSO_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lasso/export.h"

namespace lasso {

enum class PixelFormat : std::uint8_t { kRgb, kBgr, kRgba, kBgra, kGray };

LASSO_EXPORT int channels(PixelFormat format) noexcept;  // 3, 3, 4, 4, 1

// Somebody else's pixels, 8 bits per channel, rows from top to bottom. The memory must stay valid
// and unchanged during the call that takes the view; no call keeps it. Alpha is ignored.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;                    // pixels
  int height = 0;                   // pixels
  std::ptrdiff_t stride_bytes = 0;  // from one row to the next; at least width * channels
  PixelFormat format = PixelFormat::kRgb;
};

// An image that owns its pixels, rows without padding.
struct Image {
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::kRgb;
  std::vector<std::uint8_t> pixels;

  ImageView view() const {
    return {pixels.data(), width, height, static_cast<std::ptrdiff_t>(width) * channels(format),
            format};
  }
};

struct ReadImageOptions {
  // Refused before any pixel is decoded: images that claim more than this many pixels.
  std::int64_t max_pixels = 100'000'000;
};

// Reads a JPEG (baseline, progressive, gray, CMYK; EXIF orientation applied), a PNG (any bit depth,
// palette, gray, with alpha; 16 bits are reduced to 8) or a binary PPM or PGM (8 or 16 bits) as
// RGB. The type is told from the content, not from the name. Throws kNotFound (no such file),
// kCorruptFile (not an image, or a truncated one), kUnsupported (another format, or too many
// pixels; JPEG and PNG where Lasso was built with LASSO_IMAGE_CODECS=OFF).
LASSO_EXPORT Image read_image(const std::string& path, const ReadImageOptions& options = {});

// The same from a file's bytes; `name` stands in error messages.
LASSO_EXPORT Image decode_image(const std::uint8_t* data, std::size_t size, const std::string& name,
                                const ReadImageOptions& options = {});
LASSO_EXPORT Image decode_image(const std::vector<std::uint8_t>& bytes,
                                const std::string& name = "image",
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
