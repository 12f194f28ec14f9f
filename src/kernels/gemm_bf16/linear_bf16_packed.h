// The packed weights that the kernels of Linear in bfloat16 share (product_bf16.h describes the
// layout).
#ifndef LASSO_KERNELS_GEMM_BF16_LINEAR_BF16_PACKED_H_
#define LASSO_KERNELS_GEMM_BF16_LINEAR_BF16_PACKED_H_

#include <cstddef>
#include <vector>

#include "core/tensor.h"
#include "kernels/gemm_bf16/gemm_bf16.h"

namespace lasso::kernels::bf16 {

// Size and name of the packed weights; cost and workspace are left to the kernel.
KernelPlan plan_packed(const LinearBf16Problem& problem);
void pack(const LinearBf16Problem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_GEMM_BF16_LINEAR_BF16_PACKED_H_
