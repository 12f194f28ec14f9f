// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_CUDA_H_
#define LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_CUDA_H_

#include <vector>

#include "kernels/elementwise/compare.h"
#include "kernels/elementwise/elementwise.h"

namespace lasso::kernels {

const std::vector<Kernel<BinaryProblem>>& binary_cuda_kernels();
const std::vector<Kernel<UnaryProblem>>& unary_cuda_kernels();
const std::vector<Kernel<LeakyReluProblem>>& leaky_relu_cuda_kernels();
const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_cuda_kernels();
const std::vector<Kernel<CompareProblem>>& compare_cuda_kernels();
const std::vector<Kernel<SelectProblem>>& select_cuda_kernels();

// Rows of these lists: of integers and truth values.
extern const Kernel<BinaryProblem> kBinaryIntegersCuda;
extern const Kernel<UnaryProblem> kUnaryIntegersCuda;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_CUDA_H_
