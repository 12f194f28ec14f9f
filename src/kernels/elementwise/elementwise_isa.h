// The inner parts of the elementwise operations, which each instruction set has of its own. Nothing
// here makes code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_ISA_H_
#define LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_ISA_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels {

// y[i] = activation(a[i] op b[i]); an operand that is repeated stands for its first element.
struct BinaryRun {
  const float* a = nullptr;
  const float* b = nullptr;
  float* y = nullptr;
  std::int64_t count = 0;
  bool repeat_a = false;
  bool repeat_b = false;
  graph::BinaryKind kind = graph::BinaryKind::kAdd;
  graph::Activation activation = graph::Activation::kNone;
};

struct UnaryRun {
  const float* x = nullptr;
  float* y = nullptr;
  std::int64_t count = 0;
  graph::Activation activation = graph::Activation::kNone;
};

// y[i] = x[i] if x[i] > 0, else slope x[i].
struct LeakyReluRun {
  const float* x = nullptr;
  float* y = nullptr;
  std::int64_t count = 0;
  float slope = 0.0F;
};

void binary_avx2(const BinaryRun& run);
void binary_avx512(const BinaryRun& run);
void unary_avx2(const UnaryRun& run);
void unary_avx512(const UnaryRun& run);
void leaky_relu_avx2(const LeakyReluRun& run);
void leaky_relu_avx512(const LeakyReluRun& run);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_ISA_H_
