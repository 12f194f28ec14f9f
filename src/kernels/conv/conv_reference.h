// The specifications of the convolutions in bfloat16, float16 and int8, as parts of the families'
// references.
#ifndef LASSO_KERNELS_CONV_CONV_REFERENCE_H_
#define LASSO_KERNELS_CONV_CONV_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

// Element i of y, rounded to y's type.
inline void store_number(DType type, const graph::Affine& scheme, void* y, std::int64_t i,
                         float value) {
  if (is_half(type)) {
    static_cast<std::uint16_t*>(y)[i] = f32_to_half(type, value);
  } else if (type == DType::kU8) {
    static_cast<std::uint8_t*>(y)[i] = quant::quantize(value, scheme);
  } else {
    static_cast<float*>(y)[i] = value;
  }
}

}  // namespace lasso::kernels

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
