// Products with an image that a transposed convolution makes, which is never stored.
#ifndef LASSO_KERNELS_CONV_UPSCALED_PRODUCT_H_
#define LASSO_KERNELS_CONV_UPSCALED_PRODUCT_H_

#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

namespace lasso::kernels {

// graph::UpscaledProduct of A [image.batch, rows, image.filters] and the result of `image`, which
// is float32. Inputs A, x, W, b?; W and b are packed.
struct UpscaledProductProblem {
  std::int64_t rows = 0;
  ConvTranspose2dProblem image;
};

UpscaledProductProblem make_upscaled_product_problem(const Call& call);

// The reference.
const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_kernels();

const Family& upscaled_product_family();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_UPSCALED_PRODUCT_H_
