#include "kernels/indices/indices.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

namespace {

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t result = 1;
  for (std::size_t i = begin; i < end; ++i) result *= dims[i];
  return result;
}

// All dimensions of the tensor of indices beside those of x.
std::vector<IndexLoop> loops_of(const Dims& x, const Dims& index) {
  std::vector<IndexLoop> loops(x.size());
  std::int64_t x_stride = 1;
  std::int64_t index_stride = 1;
  for (std::size_t i = x.size(); i-- > 0;) {
    loops[i] = {.count = index[i], .x_stride = x_stride, .index_stride = index_stride};
    x_stride *= x[i];
    index_stride *= index[i];
  }
  return loops;
}

void check_elements(const char* name, const Dims& x, const Dims& index, std::size_t axis) {
  bool fits = axis < x.size() && index.size() == x.size();
  for (std::size_t i = 0; fits && i < x.size(); ++i) fits = i == axis || index[i] <= x[i];
  LASSO_CHECK(fits && (x[axis] > 0 || element_count(index) == 0), ErrorCode::kInvalidArgument,
              "{}: indices {} along axis {} of {}", name, to_string(index), axis, to_string(x));
}

IndexTuples make_tuples(const char* name, const Dims& x, const Dims& index, std::size_t batch) {
  bool fits = batch < index.size() && batch < x.size() &&
              std::equal(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(batch), index.begin());
  const std::size_t length = fits ? static_cast<std::size_t>(index.back()) : 0;
  fits = fits && length >= 1 && length <= x.size() - batch;
  LASSO_CHECK(fits, ErrorCode::kInvalidArgument, "{}: indices {} of {} behind {} dimensions", name,
              to_string(index), to_string(x), batch);
  IndexTuples tuples;
  tuples.count = product(index, batch, index.size() - 1);
  for (std::size_t i = batch; i < batch + length; ++i) {
    tuples.sizes.push_back(x[i]);
    tuples.strides.push_back(product(x, i + 1, batch + length));
  }
  tuples.slice = product(x, batch + length, x.size());
  LASSO_CHECK(tuples.slices() > 0 || element_count(index) == 0, ErrorCode::kInvalidArgument,
              "{}: indices {} of {}", name, to_string(index), to_string(x));
  return tuples;
}

}  // namespace

GatherElementsProblem make_gather_elements_problem(const graph::GatherElements& op, const Dims& x,
                                                   const Dims& index, DType dtype) {
  const auto axis = static_cast<std::size_t>(op.axis);
  check_elements("gather_elements", x, index, axis);
  GatherElementsProblem problem;
  problem.loops = loops_of(x, index);
  problem.axis = {.rows = x[axis], .row_stride = problem.loops[axis].x_stride};
  problem.loops[axis].x_stride = 0;
  problem.element_bytes = static_cast<std::int64_t>(size_of(dtype));
  return problem;
}

GatherNdProblem make_gather_nd_problem(const graph::GatherNd& op, const Dims& x, const Dims& index,
                                       DType dtype) {
  const auto batch = static_cast<std::size_t>(op.batch_dims);
  GatherNdProblem problem;
  problem.tuples = make_tuples("gather_nd", x, index, batch);
  problem.batches = product(x, 0, batch);
  problem.element_bytes = static_cast<std::int64_t>(size_of(dtype));
  return problem;
}

ScatterElementsProblem make_scatter_elements_problem(const graph::ScatterElements& op,
                                                     const Dims& x, const Dims& index,
                                                     DType dtype) {
  const auto axis = static_cast<std::size_t>(op.axis);
  check_elements("scatter_elements", x, index, axis);
  ScatterElementsProblem problem;
  problem.elements = element_count(x);
  problem.loops = loops_of(x, index);
  problem.axis = {.rows = x[axis], .row_stride = problem.loops[axis].x_stride};
  problem.updates = index[axis];
  problem.update_stride = problem.loops[axis].index_stride;
  problem.loops.erase(problem.loops.begin() + op.axis);
  problem.rule = {.reduction = op.reduction, .dtype = dtype};
  return problem;
}

ScatterNdProblem make_scatter_nd_problem(const graph::ScatterNd& op, const Dims& x,
                                         const Dims& index, DType dtype) {
  return {.tuples = make_tuples("scatter_nd", x, index, 0),
          .rule = {.reduction = op.reduction, .dtype = dtype}};
}

const std::vector<Kernel<GatherElementsProblem>>& gather_elements_kernels() {
  static const std::vector<Kernel<GatherElementsProblem>> list{kGatherElementsRef};
  return list;
}

const std::vector<Kernel<GatherNdProblem>>& gather_nd_kernels() {
  static const std::vector<Kernel<GatherNdProblem>> list{kGatherNdRef};
  return list;
}

const std::vector<Kernel<ScatterElementsProblem>>& scatter_elements_kernels() {
  static const std::vector<Kernel<ScatterElementsProblem>> list{kScatterElementsRef};
  return list;
}

const std::vector<Kernel<ScatterNdProblem>>& scatter_nd_kernels() {
  static const std::vector<Kernel<ScatterNdProblem>> list{kScatterNdRef};
  return list;
}

namespace {

// A Problem read off a node: its op, and the shapes of x and of the indices.
template <typename Op, auto kMake>
auto read_problem(const Call& call) {
  return kMake(std::get<Op>(call.op), call.inputs.at(0).dims, call.inputs.at(1).dims,
               call.inputs[0].dtype);
}

}  // namespace

const Family& gather_elements_family() {
  static const ListFamily<GatherElementsProblem> family(
      "gather_elements", gather_elements_kernels(),
      read_problem<graph::GatherElements, make_gather_elements_problem>);
  return family;
}

const Family& gather_nd_family() {
  static const ListFamily<GatherNdProblem> family(
      "gather_nd", gather_nd_kernels(), read_problem<graph::GatherNd, make_gather_nd_problem>);
  return family;
}

const Family& scatter_elements_family() {
  static const ListFamily<ScatterElementsProblem> family(
      "scatter_elements", scatter_elements_kernels(),
      read_problem<graph::ScatterElements, make_scatter_elements_problem>);
  return family;
}

const Family& scatter_nd_family() {
  static const ListFamily<ScatterNdProblem> family(
      "scatter_nd", scatter_nd_kernels(), read_problem<graph::ScatterNd, make_scatter_nd_problem>);
  return family;
}

}  // namespace lasso::kernels
