// Kernels of MatMul for NVIDIA GPUs that are no products of a library.
#ifndef LASSO_KERNELS_MATMUL_MATMUL_CUDA_KERNELS_H_
#define LASSO_KERNELS_MATMUL_MATMUL_CUDA_KERNELS_H_

#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace lasso::kernels::gpu {

// Why the kernel for few, short rows does not take the problem; null where it does.
const char* refused_by_few_rows(const MatMulProblem& problem);

// The product by that kernel, where matrices lie at constant distances, multiples of 16 bytes.
void run_few_rows(const MatMulProblem& problem, std::int64_t a_stride, std::int64_t b_stride,
                  const KernelArgs& args);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_MATMUL_MATMUL_CUDA_KERNELS_H_
