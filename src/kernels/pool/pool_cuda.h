// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_POOL_POOL_CUDA_H_
#define LASSO_KERNELS_POOL_POOL_CUDA_H_

#include <vector>

#include "kernels/pool/pool.h"

namespace lasso::kernels {

const std::vector<Kernel<Pool2dProblem>>& pool2d_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_POOL_POOL_CUDA_H_
