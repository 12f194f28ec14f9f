// Masks of a bit for each pixel, as devices make them.
#ifndef LASSO_IMAGE_MASK_MASK_BITS_H_
#define LASSO_IMAGE_MASK_MASK_BITS_H_

#include <cstddef>
#include <cstdint>

namespace lasso {

// Writes a byte for each bit, 1 or 0: `height` rows of `width` bytes. A row of bits is a whole
// number of words, and bit i of its word j is pixel 32 j + i. Runs on the caller's OpenMP team.
void expand_mask_bits(const std::uint32_t* bits, int width, int height, std::uint8_t* out);

}  // namespace lasso

#endif  // LASSO_IMAGE_MASK_MASK_BITS_H_
