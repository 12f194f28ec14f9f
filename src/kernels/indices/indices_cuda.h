// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_INDICES_INDICES_CUDA_H_
#define LASSO_KERNELS_INDICES_INDICES_CUDA_H_

#include <vector>

#include "kernels/indices/indices.h"

namespace lasso::kernels {

const std::vector<Kernel<GatherElementsProblem>>& gather_elements_cuda_kernels();
const std::vector<Kernel<GatherNdProblem>>& gather_nd_cuda_kernels();
const std::vector<Kernel<ScatterElementsProblem>>& scatter_elements_cuda_kernels();
const std::vector<Kernel<ScatterNdProblem>>& scatter_nd_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_INDICES_INDICES_CUDA_H_
