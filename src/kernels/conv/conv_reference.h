// The specifications of the convolutions in bfloat16, float16 and int8, as parts of the families'
// references.
#ifndef LASSO_KERNELS_CONV_CONV_REFERENCE_H_
#define LASSO_KERNELS_CONV_CONV_REFERENCE_H_

#include <cstddef>
#include <vector>

#include "kernels/conv/conv.h"

namespace lasso::kernels::conv_half_reference {

Offer offer(const Conv2dProblem& problem);
Offer offer(const ConvTranspose2dProblem& problem);
void pack(const Conv2dProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);
void pack(const ConvTranspose2dProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);
void run(const Conv2dProblem& problem, const KernelArgs& args);
void run(const ConvTranspose2dProblem& problem, const KernelArgs& args);

}  // namespace lasso::kernels::conv_half_reference

namespace lasso::kernels::conv_int8_reference {

Offer offer(const Conv2dProblem& problem);
void pack(const Conv2dProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);
void run(const Conv2dProblem& problem, const KernelArgs& args);

}  // namespace lasso::kernels::conv_int8_reference

#endif  // LASSO_KERNELS_CONV_CONV_REFERENCE_H_
