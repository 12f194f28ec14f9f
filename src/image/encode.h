// PNG files in memory: pictures, masks, label maps.
#ifndef LASSO_IMAGE_ENCODE_H_
#define LASSO_IMAGE_ENCODE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {

// A complete PNG file of the view's format (BGR is stored as RGB). Quick rather than small: zlib's
// level 1.
std::string encode_png(const ImageView& image);

enum class MaskDepth : std::uint8_t {
  kOneBit,  // black and white at 1 bit a pixel: smallest
  kByte,    // 0 and 255 at 8 bits a pixel: what cv2.imread users expect
};
std::string encode_mask_png(const Mask& mask, MaskDepth depth);

// One number per pixel, 0 for none. Numbers up to 255 make an 8-bit palette image whose entry n > 0
// is palette_color(n - 1) and whose entry 0 is black; larger ones, 16-bit gray. labels has width *
// height values.
std::string encode_labelmap_png(const std::vector<std::uint16_t>& labels, int width, int height);

}  // namespace lasso

#endif  // LASSO_IMAGE_ENCODE_H_
