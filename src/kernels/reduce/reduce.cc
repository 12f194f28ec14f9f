#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

namespace {

std::int64_t positions(const std::vector<ReduceLoop>& loops) {
  std::int64_t product = 1;
  for (const ReduceLoop& loop : loops) product *= loop.count;
  return product;
}

}  // namespace

std::int64_t ReduceProblem::results() const { return positions(kept); }
std::int64_t ReduceProblem::terms() const { return positions(reduced); }

ReduceProblem make_reduce_problem(const graph::Reduce& op, const Dims& x, DType dtype) {
  ReduceProblem problem;
  problem.kind = op.kind;
  problem.dtype = dtype;
  std::int64_t stride = element_count(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    stride = x[i] == 0 ? 0 : stride / x[i];
    const bool is_reduced =
        std::find(op.axes.begin(), op.axes.end(), static_cast<std::int64_t>(i)) != op.axes.end();
    (is_reduced ? problem.reduced : problem.kept).push_back({.count = x[i], .stride = stride});
  }
  LASSO_CHECK(problem.reduced.size() == op.axes.size(), ErrorCode::kInternal,
              "reduce: {} axes of {}", op.axes.size(), to_string(x));
  return problem;
}

const std::vector<Kernel<ReduceProblem>>& reduce_kernels() {
  static const std::vector<Kernel<ReduceProblem>> list{kReduceAvx2, kReduceRef};
  return list;
}

const Family& reduce_family() {
  static const ListFamily<ReduceProblem> family("reduce", reduce_kernels(), [](const Call& call) {
    return make_reduce_problem(std::get<graph::Reduce>(call.op), call.inputs.at(0).dims,
                               call.inputs[0].dtype);
  });
  return family;
}

}  // namespace lasso::kernels
