// From an image's pixels on a device to a detector's input tensor: letterbox_image() of
// image/letterbox.h. No op of the graph has this family, and the CPU has no row of it.
#ifndef LASSO_KERNELS_IMAGE_LETTERBOX_H_
#define LASSO_KERNELS_IMAGE_LETTERBOX_H_

#include <array>

#include "core/dtype.h"

namespace lasso::kernels {

// The input is the image, uint8 [height, width, pixel_bytes]; the output is [3, input_height,
// input_width], R, G and B, borders included, of a float type. Float32 results are the CPU's, bit
// for bit.
struct LetterboxProblem {
  int width = 0;
  int height = 0;
  int pixel_bytes = 3;
  std::array<int, 3> channel{0, 1, 2};  // the bytes of a pixel that are R, G and B
  int input_width = 0;
  int input_height = 0;
  // Where the resized image lies in the input.
  int resized_width = 0;
  int resized_height = 0;
  int left = 0;
  int top = 0;
  DType output = DType::kF32;

  bool operator==(const LetterboxProblem& other) const = default;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_LETTERBOX_H_
