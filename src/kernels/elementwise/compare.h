// Compare and Select, with broadcasting.
#ifndef LASSO_KERNELS_ELEMENTWISE_COMPARE_H_
#define LASSO_KERNELS_ELEMENTWISE_COMPARE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/elementwise/broadcast.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y = a op b, 0 or 1 in a byte.
struct CompareProblem {
  graph::CompareKind kind = graph::CompareKind::kEqual;
  std::vector<BroadcastLoop> loops;  // over a and b
  DType dtype = DType::kF32;         // of a and b; or int32, uint8, or bool, which is but equal

  std::int64_t count() const { return count_of(loops); }
};

// y = condition ? a : b. Conditions are bytes, true where not 0.
struct SelectProblem {
  std::vector<BroadcastLoop> loops;  // over the condition, a and b
  std::size_t bytes = 4;             // of an element: 1, 2, 4 or 8

  std::int64_t count() const { return count_of(loops); }
};

CompareProblem make_compare_problem(graph::CompareKind kind, DType dtype, const Dims& a,
                                    const Dims& b);
SelectProblem make_select_problem(DType dtype, const Dims& condition, const Dims& a, const Dims& b);

constexpr bool is_known(const CompareProblem& p) {
  if (p.dtype == DType::kBool) return p.kind == graph::CompareKind::kEqual;
  return p.dtype == DType::kF32 || p.dtype == DType::kI32 || p.dtype == DType::kU8;
}

// For the kernels of all devices; of bool once its values are 0 or 1.
template <typename T>
constexpr std::uint8_t compare(graph::CompareKind kind, T a, T b) {
  switch (kind) {
    case graph::CompareKind::kEqual:
      return a == b ? 1 : 0;
    case graph::CompareKind::kLess:
      return a < b ? 1 : 0;
    case graph::CompareKind::kLessEqual:
      return a <= b ? 1 : 0;
    case graph::CompareKind::kGreater:
      return a > b ? 1 : 0;
    case graph::CompareKind::kGreaterEqual:
      return a >= b ? 1 : 0;
  }
  return 0;
}

// What all rows say of a problem.
inline Offer offer_compare(const CompareProblem& p, const TargetInfo& /*target*/) {
  return is_known(p) ? Offer{} : Offer::no("another type than float32, int32 and uint8");
}

// Best first, reference last.
const std::vector<Kernel<CompareProblem>>& compare_kernels();
const std::vector<Kernel<SelectProblem>>& select_kernels();

const Family& compare_family();
const Family& select_family();

// The rows of the lists.
extern const Kernel<CompareProblem> kCompareLoops;
extern const Kernel<CompareProblem> kCompareRef;
extern const Kernel<SelectProblem> kSelectLoops;
extern const Kernel<SelectProblem> kSelectRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_COMPARE_H_
