// From low-resolution logits on a device to masks of the image's size with a bit for each pixel:
// upsample_mask() of image/mask/mask_upsample.h. No op of the graph has this family, and the CPU
// has no row of it.
#ifndef LASSO_KERNELS_IMAGE_MASK_H_
#define LASSO_KERNELS_IMAGE_MASK_H_

#include <cstddef>
#include <cstdint>

namespace lasso::kernels {

// Input 0 is logits, float32 [planes, side, side]; input 1 is the planes that the masks are made
// of, int32 [count]. The output is uint32 [count, height, mask_words(width)]: bit i of a row's word
// j is pixel 32 j + i, and bits beyond the width are 0.
//
// Masks made through the model's square are the CPU's, bit for bit. Those of probabilities may
// differ where a probability is within rounding of the limit, as the exponential does.
struct MaskProblem {
  int count = 0;
  int side = 0;
  int width = 0;
  int height = 0;
  // The model's square, and the image's part of it.
  int image_size = 0;
  int resized_width = 0;
  int resized_height = 0;
  int offset_x = 0;
  int offset_y = 0;
  // Whether the logits' sigmoid is resized straight to the image.
  bool probabilities = false;
  // A pixel is inside where its logit, or its probability, is greater.
  float limit = 0;

  bool operator==(const MaskProblem& other) const = default;
};

constexpr std::size_t mask_words(int width) { return (static_cast<std::size_t>(width) + 31) / 32; }

// Words of one mask.
constexpr std::size_t mask_words(int width, int height) {
  return mask_words(width) * static_cast<std::size_t>(height);
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_MASK_H_
