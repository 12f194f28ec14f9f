// The inner part of Resize, which each instruction set has of its own. Nothing here makes code:
// files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_RESIZE_RESIZE_ISA_H_
#define LASSO_KERNELS_RESIZE_RESIZE_ISA_H_

#include <cstdint>

namespace lasso::kernels {

// One row of the result: y = w[0] x[left] + w[1] x[right] of the rows' sum w[0] above + w[1] below,
// or, of the nearest pixels, x[left] of the row above.
struct ResizeRow {
  const float* above = nullptr;
  const float* below = nullptr;  // `above` where there is nothing to add up
  float row_weights[2] = {1, 0};
  std::int64_t row_floats = 0;  // of a row of the image
  // Where pixels of the result find theirs in a row of the image, in floats; or, where `channels`
  // is 1, where elements find theirs, of which the tables hold whole vectors.
  const std::int32_t* left = nullptr;
  const std::int32_t* right = nullptr;
  const float* left_weights = nullptr;
  const float* right_weights = nullptr;
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  bool nearest = false;
  float* scratch = nullptr;  // [row_floats]
  float* y = nullptr;
};

void resize_row_avx2(const ResizeRow& row);
void resize_row_avx512(const ResizeRow& row);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_ISA_H_
