// What becomes of the sums of a product: a tile of its results. Nothing here makes code: files
// compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_CPU_PRODUCT_RESULTS_H_
#define LASSO_KERNELS_CPU_PRODUCT_RESULTS_H_

#include <cstdint>

#include "core/dtype.h"
#include "graph/op.h"

namespace lasso::kernels {

// y = activation(v) + r, times the output's gain; v is a float32 sum that has the bias in it, or
// x_scale scale sum + bias of an int32 one. Columns' numbers are padded to whole vectors.
struct ProductResults {
  int rows = 0;
  int columns = 0;                  // that exist
  const float* x_scales = nullptr;  // of rows; null: ones
  const float* scales = nullptr;    // of columns
  const float* bias = nullptr;
  const float* output_gain = nullptr;  // null: ones
  const float* residual = nullptr;     // null: none
  std::int64_t residual_stride = 0;
  void* y = nullptr;
  std::int64_t y_stride = 0;
  DType output = DType::kF32;  // or bfloat16; or uint8, q = round(y y_inverse) + y_zero
  float y_inverse = 1;
  int y_zero = 0;
  // The result is rounded to bfloat16 or uint8, here or later, which approximate activations do not
  // change.
  bool narrow = false;
  graph::Activation activation = graph::Activation::kNone;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_PRODUCT_RESULTS_H_
