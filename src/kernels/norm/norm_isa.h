// The inner part of LayerNorm, which each instruction set has of its own. Nothing here makes code:
// files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_NORM_NORM_ISA_H_
#define LASSO_KERNELS_NORM_NORM_ISA_H_

#include <cstdint>

#include "core/dtype.h"
#include "graph/op.h"

namespace lasso::kernels {

struct LayerNormRows {
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  void* y = nullptr;         // `output`: float32, bfloat16 or uint8
  float* scales = nullptr;   // [rows], for uint8
  float* scratch = nullptr;  // [channels], for all but float32
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  float epsilon = 0;
  graph::Activation activation = graph::Activation::kNone;
  DType output = DType::kF32;
};

void layer_norm_avx2(const LayerNormRows& rows);
void layer_norm_avx512(const LayerNormRows& rows);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NORM_NORM_ISA_H_
