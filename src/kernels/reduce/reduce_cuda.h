// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_REDUCE_REDUCE_CUDA_H_
#define LASSO_KERNELS_REDUCE_REDUCE_CUDA_H_

#include <vector>

#include "kernels/reduce/reduce.h"

namespace lasso::kernels {

const std::vector<Kernel<ReduceProblem>>& reduce_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_REDUCE_REDUCE_CUDA_H_
