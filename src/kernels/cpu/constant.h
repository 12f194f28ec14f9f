// The constant operands of kernels.
#ifndef LASSO_KERNELS_CPU_CONSTANT_H_
#define LASSO_KERNELS_CPU_CONSTANT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/convert.h"
#include "core/tensor.h"

namespace lasso::kernels {

// The bias among the constants [weights, bias?]: `count` values, zeros where there is none.
inline void read_bias(const std::vector<TensorView>& constants, std::int64_t count, float* out) {
  if (constants.size() > 1 && constants[1].data != nullptr) {
    read_f32(constants[1], out);
  } else {
    std::memset(out, 0, static_cast<std::size_t>(count) * sizeof(float));
  }
}

// Whether the operand at `index` exists.
template <typename Operands>
bool has_operand(const Operands& operands, std::size_t index) {
  return index < operands.size() && operands[index].present;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_CONSTANT_H_
