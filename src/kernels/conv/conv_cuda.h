// The rows of the convolutions for NVIDIA GPUs, which the CUDA backend's library holds.
#ifndef LASSO_KERNELS_CONV_CONV_CUDA_H_
#define LASSO_KERNELS_CONV_CONV_CUDA_H_

#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/conv/upscaled_product.h"

namespace lasso::kernels {

// Best first, the plain ones last.
const std::vector<Kernel<Conv2dProblem>>& conv2d_cuda_kernels();
const std::vector<Kernel<ConvTranspose2dProblem>>& conv_transpose2d_cuda_kernels();
const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_cuda_kernels();

// The one that needs sm_90a.
const Kernel<Conv2dProblem>& conv2d_wgmma_kernel();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_CUDA_H_
