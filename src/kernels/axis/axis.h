// Operations that go along one axis in order: ArgReduce, TopK and CumSum.
#ifndef LASSO_KERNELS_AXIS_AXIS_H_
#define LASSO_KERNELS_AXIS_AXIS_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// x is [outer, count, inner]; a row is what lies along the axis, `inner` elements apart.
struct AxisRows {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;

  std::int64_t rows() const { return outer * inner; }
  // Where a row begins in a tensor that has `length` elements along the axis.
  constexpr std::int64_t first(std::int64_t row, std::int64_t length) const {
    return row / inner * length * inner + row % inner;
  }
};

// graph::ArgReduce; float32 or int32.
struct ArgReduceProblem {
  AxisRows x;
  bool largest = true;
  bool last = false;
  DType dtype = DType::kF32;
};

// graph::TopK; float32 or int32.
struct TopKProblem {
  AxisRows x;
  std::int64_t k = 1;
  bool largest = true;
  DType dtype = DType::kF32;
};

// graph::CumSum; float32 or int32.
struct CumSumProblem {
  AxisRows x;
  bool exclusive = false;
  bool reverse = false;
  DType dtype = DType::kF32;
};

// They throw kInvalidArgument where there is nothing along the axis to choose from, or less than k.
ArgReduceProblem make_arg_reduce_problem(const graph::ArgReduce& op, const Dims& x, DType dtype);
TopKProblem make_top_k_problem(const graph::TopK& op, const Dims& x, DType dtype);
CumSumProblem make_cum_sum_problem(const graph::CumSum& op, const Dims& x, DType dtype);

// Best first, reference last.
const std::vector<Kernel<ArgReduceProblem>>& arg_reduce_kernels();
const std::vector<Kernel<TopKProblem>>& top_k_kernels();
const std::vector<Kernel<CumSumProblem>>& cum_sum_kernels();

const Family& arg_reduce_family();
const Family& top_k_family();
const Family& cum_sum_family();

// The rows of the lists.
extern const Kernel<ArgReduceProblem> kArgReduceRef;
extern const Kernel<TopKProblem> kTopKRef;
extern const Kernel<CumSumProblem> kCumSumRef;

// Calls f with a null pointer of the type of the elements.
template <typename F>
void with_number_type(DType dtype, const F& f) {
  if (dtype == DType::kI32) return f(static_cast<std::int32_t*>(nullptr));
  f(static_cast<float*>(nullptr));
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_AXIS_AXIS_H_
