// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_LAYOUT_LAYOUT_CUDA_H_
#define LASSO_KERNELS_LAYOUT_LAYOUT_CUDA_H_

#include <vector>

#include "kernels/layout/layout.h"

namespace lasso::kernels {

const std::vector<Kernel<CopyProblem>>& copy_cuda_kernels();
const std::vector<Kernel<ConcatProblem>>& concat_cuda_kernels();
const std::vector<Kernel<GatherProblem>>& gather_cuda_kernels();
const std::vector<Kernel<SizesProblem>>& sizes_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LAYOUT_LAYOUT_CUDA_H_
