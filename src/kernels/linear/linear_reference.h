// The specifications of Linear in lower precisions, as parts of the family's reference.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_REFERENCE_H_
#define LASSO_KERNELS_LINEAR_LINEAR_REFERENCE_H_

#include <cstddef>
#include <vector>

#include "kernels/linear/linear.h"

namespace lasso::kernels {

namespace linear_half_reference {
Offer offer(const LinearProblem& problem);
void pack(const LinearProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);
void run(const LinearProblem& problem, const KernelArgs& args);
}  // namespace linear_half_reference

namespace linear_int8_reference {
Offer offer(const LinearProblem& problem, const TargetInfo& target);
void pack(const LinearProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);
void run(const LinearProblem& problem, const KernelArgs& args);
}  // namespace linear_int8_reference

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_REFERENCE_H_
