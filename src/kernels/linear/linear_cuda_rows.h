// Kernels of Linear for NVIDIA GPUs that are no products of a library.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_CUDA_ROWS_H_
#define LASSO_KERNELS_LINEAR_LINEAR_CUDA_ROWS_H_

#include "kernels/cuda/product.h"

namespace lasso::kernels::gpu {

// Why the kernel for few rows does not take the product; null where it does.
const char* refused_by_few_rows(const ProductProblem& problem);

// The product by that kernel, in float32; all of `operands` but the half bias and the workspace.
void run_few_rows(const ProductProblem& problem, const KernelArgs& args, const Operands& operands);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_LINEAR_LINEAR_CUDA_ROWS_H_
