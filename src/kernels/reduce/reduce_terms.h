// How terms are reduced, for the CPU and for GPUs.
#ifndef LASSO_KERNELS_REDUCE_REDUCE_TERMS_H_
#define LASSO_KERNELS_REDUCE_REDUCE_TERMS_H_

#include <cstdint>
#include <limits>
#include <type_traits>

#include "graph/op.h"

namespace lasso::kernels {

// What a result of no terms is.
template <typename T>
constexpr T start_of(graph::ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  switch (kind) {
    case graph::ReduceKind::kMax:
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case graph::ReduceKind::kMin:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case graph::ReduceKind::kProd:
      return 1;
    case graph::ReduceKind::kSum:
    case graph::ReduceKind::kMean:
      break;
  }
  return 0;
}

// Of two extremes NaN wins, whatever it is compared with. Integers are added and multiplied without
// their sign, and so wrap around.
template <typename T>
constexpr T combined(graph::ReduceKind kind, T a, T b) {
  using Term = std::conditional_t<std::is_integral_v<T>, std::uint32_t, T>;
  switch (kind) {
    case graph::ReduceKind::kMax:
      return a > b || a != a ? a : b;
    case graph::ReduceKind::kMin:
      return a < b || a != a ? a : b;
    case graph::ReduceKind::kProd:
      return static_cast<T>(static_cast<Term>(a) * static_cast<Term>(b));
    case graph::ReduceKind::kSum:
    case graph::ReduceKind::kMean:
      break;
  }
  return static_cast<T>(static_cast<Term>(a) + static_cast<Term>(b));
}

// Calls f with a null pointer of the type of the terms.
template <typename F>
void with_term_type(DType dtype, const F& f) {
  if (dtype == DType::kI32) return f(static_cast<std::int32_t*>(nullptr));
  f(static_cast<float*>(nullptr));
}

// Whether terms of a type are reduced; means are of float32 alone.
constexpr bool reduces(DType dtype, graph::ReduceKind kind) {
  return dtype == DType::kF32 || (dtype == DType::kI32 && kind != graph::ReduceKind::kMean);
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_REDUCE_REDUCE_TERMS_H_
