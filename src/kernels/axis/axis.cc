#include "kernels/axis/axis.h"

#include <limits>

#include "core/check.h"

namespace lasso::kernels {

namespace {

AxisRows rows_of(const char* name, const Dims& x, std::int64_t axis) {
  LASSO_CHECK(axis >= 0 && static_cast<std::size_t>(axis) < x.size(), ErrorCode::kInternal,
              "{}: axis {} of {}", name, axis, to_string(x));
  AxisRows rows;
  rows.count = x[static_cast<std::size_t>(axis)];
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (static_cast<std::int64_t>(i) < axis) rows.outer *= x[i];
    if (static_cast<std::int64_t>(i) > axis) rows.inner *= x[i];
  }
  LASSO_CHECK(rows.count <= std::numeric_limits<std::int32_t>::max(), ErrorCode::kInvalidArgument,
              "{}: {} elements along axis {}, and positions are int32", name, rows.count, axis);
  return rows;
}

// A Problem read off a node: its op and x.
template <typename Op, auto kMake>
auto read_problem(const Call& call) {
  const Operand& x = call.inputs.at(0);
  return kMake(std::get<Op>(call.op), x.dims, x.dtype);
}

}  // namespace

ArgReduceProblem make_arg_reduce_problem(const graph::ArgReduce& op, const Dims& x, DType dtype) {
  const AxisRows rows = rows_of("arg_reduce", x, op.axis);
  LASSO_CHECK(rows.count > 0 || rows.rows() == 0, ErrorCode::kInvalidArgument,
              "arg_reduce: nothing along axis {} of {}", op.axis, to_string(x));
  return {
      .x = rows, .largest = op.kind == graph::ReduceKind::kMax, .last = op.last, .dtype = dtype};
}

TopKProblem make_top_k_problem(const graph::TopK& op, const Dims& x, DType dtype) {
  const AxisRows rows = rows_of("top_k", x, op.axis);
  const std::int64_t k = op.k.constant();
  LASSO_CHECK(k >= 0 && k <= rows.count, ErrorCode::kInvalidArgument,
              "top_k: {} of the elements along axis {} of {}", k, op.axis, to_string(x));
  return {.x = rows, .k = k, .largest = op.largest, .dtype = dtype};
}

CumSumProblem make_cum_sum_problem(const graph::CumSum& op, const Dims& x, DType dtype) {
  return {.x = rows_of("cum_sum", x, op.axis),
          .exclusive = op.exclusive,
          .reverse = op.reverse,
          .dtype = dtype};
}

const std::vector<Kernel<ArgReduceProblem>>& arg_reduce_kernels() {
  static const std::vector<Kernel<ArgReduceProblem>> list{kArgReduceRef};
  return list;
}

const std::vector<Kernel<TopKProblem>>& top_k_kernels() {
  static const std::vector<Kernel<TopKProblem>> list{kTopKRef};
  return list;
}

const std::vector<Kernel<CumSumProblem>>& cum_sum_kernels() {
  static const std::vector<Kernel<CumSumProblem>> list{kCumSumRef};
  return list;
}

const Family& arg_reduce_family() {
  static const ListFamily<ArgReduceProblem> family(
      "arg_reduce", arg_reduce_kernels(), read_problem<graph::ArgReduce, make_arg_reduce_problem>);
  return family;
}

const Family& top_k_family() {
  static const ListFamily<TopKProblem> family("top_k", top_k_kernels(),
                                              read_problem<graph::TopK, make_top_k_problem>);
  return family;
}

const Family& cum_sum_family() {
  static const ListFamily<CumSumProblem> family("cum_sum", cum_sum_kernels(),
                                                read_problem<graph::CumSum, make_cum_sum_problem>);
  return family;
}

}  // namespace lasso::kernels
