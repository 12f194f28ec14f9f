// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_AXIS_AXIS_CUDA_H_
#define LASSO_KERNELS_AXIS_AXIS_CUDA_H_

#include <vector>

#include "kernels/axis/axis.h"

namespace lasso::kernels {

const std::vector<Kernel<ArgReduceProblem>>& arg_reduce_cuda_kernels();
const std::vector<Kernel<TopKProblem>>& top_k_cuda_kernels();
const std::vector<Kernel<CumSumProblem>>& cum_sum_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_AXIS_AXIS_CUDA_H_
