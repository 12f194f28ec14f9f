// Convolutions with bfloat16 weights and inputs, sums in float32.
#ifndef LASSO_KERNELS_CONV_CONV_BF16_H_
#define LASSO_KERNELS_CONV_CONV_BF16_H_

#include <vector>

#include "core/dtype.h"
#include "kernels/conv/conv.h"

namespace lasso::kernels {

// As Conv2dProblem, with W rounded to bfloat16, and x bfloat16, or float32 and rounded to it. y is
// float32.
struct Conv2dBf16Problem : Conv2dProblem {
  DType input = DType::kF32;
};

// As ConvTranspose2dProblem, in the same way; y is float32 or bfloat16.
struct ConvTranspose2dBf16Problem : ConvTranspose2dProblem {
  DType input = DType::kF32;
  DType output = DType::kF32;
};

// Best first, reference last.
const std::vector<Kernel<Conv2dBf16Problem>>& conv2d_bf16_kernels();
const std::vector<Kernel<ConvTranspose2dBf16Problem>>& conv_transpose2d_bf16_kernels();

const Family& conv2d_bf16_family();
const Family& conv_transpose2d_bf16_family();

// The rows of the lists.
extern const Kernel<Conv2dBf16Problem> kConv2dBf16Product;
extern const Kernel<Conv2dBf16Problem> kConv2dBf16Ref;
extern const Kernel<ConvTranspose2dBf16Problem> kConvTranspose2dBf16Product;
extern const Kernel<ConvTranspose2dBf16Problem> kConvTranspose2dBf16Ref;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_BF16_H_
