// The rows of MatMul for NVIDIA GPUs, which the CUDA backend's library holds.
#ifndef LASSO_KERNELS_MATMUL_MATMUL_CUDA_H_
#define LASSO_KERNELS_MATMUL_MATMUL_CUDA_H_

#include <vector>

#include "kernels/matmul/matmul.h"

namespace lasso::kernels {

// Best first, the plain one last.
const std::vector<Kernel<MatMulProblem>>& matmul_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_MATMUL_MATMUL_CUDA_H_
