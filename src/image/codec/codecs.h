// Decoders of single formats; decode.cc chooses between them.
#ifndef LASSO_IMAGE_CODEC_CODECS_H_
#define LASSO_IMAGE_CODEC_CODECS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lasso/image.h"

namespace lasso {

// The samples of a file before they become 8 bits.
struct FileValues {
  int low = 65535;
  int high = 0;
  int most = 255;  // that the file could hold

  void add(int value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

struct Decoded {
  Image image;
  // What was read, where the decoder has applied options.range; none where the image has the file's
  // values as they are, and the range is still to be applied.
  std::optional<FileValues> values = std::nullopt;
  std::string remark;  // what is odd about the file, after its name; may be empty
};

// All take a whole file and give RGB. Errors are those of decode_image(). In a build without
// LASSO_IMAGE_CODECS, JPEG and PNG throw kUnsupported.
Decoded decode_jpeg(const std::uint8_t* data, std::size_t size, const std::string& name,
                    const ReadImageOptions& options);
Decoded decode_png(const std::uint8_t* data, std::size_t size, const std::string& name,
                   const ReadImageOptions& options);
// Binary PPM (P6) and PGM (P5) with values up to any maximum from 1 to 65535, which are brought to
// 0..255 as Pillow does for PPM: value / maximum * 255, rounded half to even, at most 255.
Decoded decode_netpbm(const std::uint8_t* data, std::size_t size, const std::string& name,
                      const ReadImageOptions& options);

// Throws what allocate_rgb() throws for an image of that size, without making it.
void check_size(std::uint32_t width, std::uint32_t height, const std::string& name,
                const ReadImageOptions& options);

// An image of that size with room for its pixels. Throws kCorruptFile if it is empty, kUnsupported
// if it has more than options.max_pixels, kOutOfMemory.
Image allocate_rgb(std::uint32_t width, std::uint32_t height, const std::string& name,
                   const ReadImageOptions& options);

// The orientation, 1 to 8, of EXIF: "Exif", 0, 0, or nothing, then TIFF. Any of TIFF's types of
// integers is taken. 1 for a value that means nothing, none where there is no such entry, or the
// data are malformed or something else.
std::optional<int> exif_orientation(std::string_view exif) noexcept;
// The same of an XMP packet.
std::optional<int> xmp_orientation(std::string_view xmp) noexcept;

// Turns and mirrors an RGB image, so that what an EXIF orientation (1 to 8) calls its top is on
// top.
Image apply_orientation(Image image, int orientation);

}  // namespace lasso

#endif  // LASSO_IMAGE_CODEC_CODECS_H_
