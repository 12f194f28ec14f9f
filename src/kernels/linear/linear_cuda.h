// The rows of Linear for NVIDIA GPUs, which the CUDA backend's library holds.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_CUDA_H_
#define LASSO_KERNELS_LINEAR_LINEAR_CUDA_H_

#include <vector>

#include "kernels/linear/linear.h"

namespace lasso::kernels {

// Best first, the plain one last.
const std::vector<Kernel<LinearProblem>>& linear_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_CUDA_H_
