// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_QUANTIZE_QUANTIZE_CUDA_H_
#define LASSO_KERNELS_QUANTIZE_QUANTIZE_CUDA_H_

#include <vector>

#include "kernels/quantize/quantize.h"

namespace lasso::kernels {

const std::vector<Kernel<QuantizeProblem>>& quantize_cuda_kernels();
const std::vector<Kernel<CastProblem>>& cast_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_QUANTIZE_QUANTIZE_CUDA_H_
