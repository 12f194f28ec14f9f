// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_SOFTMAX_SOFTMAX_CUDA_H_
#define LASSO_KERNELS_SOFTMAX_SOFTMAX_CUDA_H_

#include <vector>

#include "kernels/softmax/softmax.h"

namespace lasso::kernels {

const std::vector<Kernel<SoftmaxProblem>>& softmax_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_SOFTMAX_SOFTMAX_CUDA_H_
