// Decoders of single formats; decode.cc chooses between them.
#ifndef LASSO_IMAGE_CODEC_CODECS_H_
#define LASSO_IMAGE_CODEC_CODECS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "lasso/image.h"

namespace lasso {

// All take a whole file and give RGB. Errors are those of decode_image(). In a build without
// LASSO_IMAGE_CODECS, JPEG and PNG throw kUnsupported.
Image decode_jpeg(const std::uint8_t* data, std::size_t size, const std::string& name,
                  const ReadImageOptions& options);
Image decode_png(const std::uint8_t* data, std::size_t size, const std::string& name,
                 const ReadImageOptions& options);
// Binary PPM (P6) and PGM (P5) with values up to any maximum from 1 to 65535, which are brought to
// 0..255 as Pillow does for PPM: value / maximum * 255, rounded half to even, at most 255.
Image decode_netpbm(const std::uint8_t* data, std::size_t size, const std::string& name,
                    const ReadImageOptions& options);

// Throws what allocate_rgb() throws for an image of that size, without making it.
void check_size(std::uint32_t width, std::uint32_t height, const std::string& name,
                const ReadImageOptions& options);

// An image of that size with room for its pixels. Throws kCorruptFile if it is empty, kUnsupported
// if it has more than options.max_pixels, kOutOfMemory.
Image allocate_rgb(std::uint32_t width, std::uint32_t height, const std::string& name,
                   const ReadImageOptions& options);

// The orientation, 1 to 8, in the body of a JPEG's APP1 segment ("Exif", 0, 0, then TIFF); 1 if the
// segment is something else, has none, or is malformed.
int exif_orientation(const std::uint8_t* segment, std::size_t size) noexcept;

// Turns and mirrors an RGB image, so that what an EXIF orientation (1 to 8) calls its top is on
// top.
Image apply_orientation(Image image, int orientation);

}  // namespace lasso

#endif  // LASSO_IMAGE_CODEC_CODECS_H_
