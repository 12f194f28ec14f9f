// The rows of attention for NVIDIA GPUs, best first, the ones without limits last.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_H_

#include <vector>

#include "kernels/attention/attention.h"

namespace lasso::kernels {

const std::vector<Kernel<WindowAttentionProblem>>& window_attention_cuda_kernels();
const std::vector<Kernel<AttentionProblem>>& attention_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_H_
