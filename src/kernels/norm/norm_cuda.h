// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_NORM_NORM_CUDA_H_
#define LASSO_KERNELS_NORM_NORM_CUDA_H_

#include <vector>

#include "kernels/norm/norm.h"

namespace lasso::kernels {

const std::vector<Kernel<LayerNormProblem>>& layer_norm_cuda_kernels();
const std::vector<Kernel<AddNormProblem>>& add_norm_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NORM_NORM_CUDA_H_
