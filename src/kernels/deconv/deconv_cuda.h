// The row for NVIDIA GPUs.
#ifndef LASSO_KERNELS_DECONV_DECONV_CUDA_H_
#define LASSO_KERNELS_DECONV_DECONV_CUDA_H_

#include <vector>

#include "kernels/deconv/deconv.h"

namespace lasso::kernels {

const std::vector<Kernel<Deconv2dProblem>>& deconv2d_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_DECONV_DECONV_CUDA_H_
