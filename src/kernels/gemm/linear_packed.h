// The packed weights that the kernels of Linear share (product.h describes the layout).
#ifndef LASSO_KERNELS_GEMM_LINEAR_PACKED_H_
#define LASSO_KERNELS_GEMM_LINEAR_PACKED_H_

#include <cstddef>
#include <vector>

#include "core/tensor.h"
#include "kernels/gemm/gemm.h"

namespace lasso::kernels {

// Size and name of the packed weights; cost and workspace are left to the kernel.
KernelPlan plan_packed_linear(const LinearProblem& problem);
void pack_linear(const LinearProblem& problem, const std::vector<TensorView>& constants,
                 std::byte* packed);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_GEMM_LINEAR_PACKED_H_
