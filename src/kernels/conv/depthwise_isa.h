// The inner part of depthwise convolutions, which each instruction set has of its own. Nothing here
// makes code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_CONV_DEPTHWISE_ISA_H_
#define LASSO_KERNELS_CONV_DEPTHWISE_ISA_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels {

// One row of the result.
struct DepthwiseRow {
  const float* x = nullptr;  // the first row of the image under the window
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t rows = 0;      // of the image under the window
  std::int64_t row_step = 0;  // distance of these rows
  const float* w = nullptr;   // [rows, kernel_w, channels], from the first of these rows on
  std::int64_t kernel_w = 0;
  std::int64_t stride = 1;
  std::int64_t left = 0;  // padding
  std::int64_t dilation = 1;
  const float* bias = nullptr;  // [channels]
  std::int64_t results = 0;     // columns of y
  float* y = nullptr;
  graph::Activation activation = graph::Activation::kNone;
};

void depthwise_row_avx2(const DepthwiseRow& row);
void depthwise_row_avx512(const DepthwiseRow& row);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_DEPTHWISE_ISA_H_
