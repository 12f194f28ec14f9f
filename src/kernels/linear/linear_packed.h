// The packed weights that the kernels of Linear share: those of cpu/product.h in float32, and those
// of cpu/product_bf16.h in bfloat16.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_PACKED_H_
#define LASSO_KERNELS_LINEAR_LINEAR_PACKED_H_

#include <cstddef>
#include <vector>

#include "core/tensor.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

// Size and name of the packed weights; cost and workspace are left to the kernel.
Offer offer_packed_linear(const LinearProblem& problem);
void pack_linear(const LinearProblem& problem, const std::vector<TensorView>& constants,
                 std::byte* packed);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_PACKED_H_
