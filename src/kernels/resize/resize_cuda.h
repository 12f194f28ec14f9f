// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_RESIZE_RESIZE_CUDA_H_
#define LASSO_KERNELS_RESIZE_RESIZE_CUDA_H_

#include <vector>

#include "kernels/resize/resize.h"

namespace lasso::kernels {

const std::vector<Kernel<ResizeProblem>>& resize_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_CUDA_H_
