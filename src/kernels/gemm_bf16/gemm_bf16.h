// Linear layers with bfloat16 weights and inputs, sums in float32.
#ifndef LASSO_KERNELS_GEMM_BF16_GEMM_BF16_H_
#define LASSO_KERNELS_GEMM_BF16_GEMM_BF16_H_

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y [m, n] = activation(x [m, k] W^T + b) + r: x bfloat16, or float32 and rounded to it; W
// bfloat16, b and r float32, y float32 or bfloat16. Inputs x, W, b?, r?; W and b are constants and
// packed. The output must not overlap the inputs.
struct LinearBf16Problem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool bias = false;
  bool residual = false;
  graph::Activation activation = graph::Activation::kNone;
  DType output = DType::kF32;
  DType input = DType::kBF16;
};

LinearBf16Problem make_linear_bf16_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<LinearBf16Problem>>& linear_bf16_kernels();

const Family& linear_bf16_family();

// The rows of the list.
extern const Kernel<LinearBf16Problem> kLinearBf16OneDnn;
extern const Kernel<LinearBf16Problem> kLinearBf16Product;
extern const Kernel<LinearBf16Problem> kLinearBf16Ref;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_GEMM_BF16_GEMM_BF16_H_
