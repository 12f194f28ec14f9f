// What an update makes of an element, for the CPU and for GPUs.
#ifndef LASSO_KERNELS_INDICES_UPDATES_H_
#define LASSO_KERNELS_INDICES_UPDATES_H_

#include <cstdint>
#include <type_traits>

#include "kernels/indices/indices.h"

namespace lasso::kernels {

// graph::Reduction. Integers wrap around, and of float32 numbers NaN wins.
template <typename T>
constexpr T updated(graph::Reduction reduction, T y, T update) {
  switch (reduction) {
    case graph::Reduction::kNone:
      return update;
    case graph::Reduction::kAdd:
    case graph::Reduction::kMul:
      if constexpr (std::is_integral_v<T>) {
        const auto a = static_cast<std::uint64_t>(y);
        const auto b = static_cast<std::uint64_t>(update);
        return static_cast<T>(reduction == graph::Reduction::kAdd ? a + b : a * b);
      } else {
        return reduction == graph::Reduction::kAdd ? y + update : y * update;
      }
    case graph::Reduction::kMax:
      return y > update || y != y ? y : update;
    case graph::Reduction::kMin:
      return y < update || y != y ? y : update;
  }
  return update;
}

// Calls f with a null pointer of the type that elements are updated as: any of their size where
// they are replaced.
template <typename F>
void with_update_type(const UpdateRule& rule, const F& f) {
  if (rule.reduction != graph::Reduction::kNone) {
    if (rule.dtype == DType::kF32) return f(static_cast<float*>(nullptr));
    return f(static_cast<std::int32_t*>(nullptr));
  }
  switch (size_of(rule.dtype)) {
    case 8:
      return f(static_cast<std::uint64_t*>(nullptr));
    case 4:
      return f(static_cast<std::uint32_t*>(nullptr));
    case 2:
      return f(static_cast<std::uint16_t*>(nullptr));
    default:
      return f(static_cast<std::uint8_t*>(nullptr));
  }
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_INDICES_UPDATES_H_
