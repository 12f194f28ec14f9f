// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_PAD_PAD_CUDA_H_
#define LASSO_KERNELS_PAD_PAD_CUDA_H_

#include <vector>

#include "kernels/pad/pad.h"

namespace lasso::kernels {

const std::vector<Kernel<PadProblem>>& pad_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_PAD_PAD_CUDA_H_
