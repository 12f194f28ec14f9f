// From an image's pixels on a device to a model's input tensor: preprocess_image() of
// image/preprocess.h. No op of the graph has this family, and the CPU has no row of it.
#ifndef LASSO_KERNELS_IMAGE_PREPROCESS_H_
#define LASSO_KERNELS_IMAGE_PREPROCESS_H_

#include <array>

#include "core/dtype.h"

namespace lasso::kernels {

// Input 0 is the image, uint8 [height, width, pixel_bytes]; inputs 1 and 2 are the taps of the
// resampled columns and rows, as ResizeTaps::table() has them. The output is [side, side, 3], R G
// B, padding included, of a float type. Float32 results are the CPU's, bit for bit.
struct PreprocessProblem {
  int width = 0;
  int height = 0;
  int pixel_bytes = 3;
  std::array<int, 3> channel{0, 1, 2};  // the bytes of a pixel that are R, G and B
  int side = 0;
  // Where the resized image lies in the square.
  int resized_width = 0;
  int resized_height = 0;
  int offset_x = 0;
  int offset_y = 0;
  // Weights of each output position in the tables.
  int column_stride = 0;
  int row_stride = 0;
  // (value - shift) / divisor, or (value - min) / max(max - min, 1e-8) over the resized image.
  bool min_max = false;
  std::array<float, 3> shift{};
  std::array<float, 3> divisor{1, 1, 1};
  float pad_value = 0;
  DType output = DType::kF32;

  bool operator==(const PreprocessProblem& other) const = default;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_PREPROCESS_H_
