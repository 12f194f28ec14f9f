#include "kernels/layout/layout.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

namespace {

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t result = 1;
  for (std::size_t i = begin; i < end; ++i) result *= dims[i];
  return result;
}

// A copy with one loop per dimension of the result (whose rows are dense), source strides in
// elements: loops of one turn are left out, neighbours that run on are merged, and an innermost
// loop that is contiguous becomes `bytes`.
CopyProblem make_copy(const Dims& y, const Dims& source_strides, std::size_t element_bytes) {
  CopyProblem problem;
  const auto element = static_cast<std::int64_t>(element_bytes);
  problem.bytes = element;
  std::int64_t target_stride = element;
  std::vector<CopyLoop> inner_first;
  for (std::size_t i = y.size(); i-- > 0;) {
    const CopyLoop loop{.count = y[i],
                        .source_stride = source_strides[i] * element,
                        .target_stride = target_stride};
    target_stride *= y[i];
    if (loop.count == 1) continue;
    if (inner_first.empty() && loop.source_stride == problem.bytes) {
      problem.bytes *= loop.count;
    } else if (!inner_first.empty() &&
               loop.source_stride == inner_first.back().source_stride * inner_first.back().count) {
      inner_first.back().count *= loop.count;
    } else {
      inner_first.push_back(loop);
    }
  }
  problem.loops.assign(inner_first.rbegin(), inner_first.rend());
  return problem;
}

Dims strides_of(const Dims& dims) {
  Dims strides(dims.size());
  std::int64_t stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

std::size_t element_bytes(const Call& call) { return size_of(call.inputs.at(0).dtype); }

ConcatProblem make_concat_problem(const Call& call) {
  const auto axis = static_cast<std::size_t>(std::get<graph::Concat>(call.op).axis);
  ConcatProblem problem;
  for (const Operand& input : call.inputs) {
    LASSO_CHECK(axis < input.dims.size() && input.dtype == call.inputs[0].dtype,
                ErrorCode::kInternal, "concat: input {} along axis {}", to_string(input.dims),
                axis);
    problem.outer = product(input.dims, 0, axis);
    problem.bytes.push_back(product(input.dims, axis, input.dims.size()) *
                            static_cast<std::int64_t>(size_of(input.dtype)));
  }
  return problem;
}

SizesProblem make_sizes_problem(const Call& call) {
  SizesProblem problem;
  for (const graph::Dim& size : std::get<graph::Sizes>(call.op).sizes) {
    const std::int64_t number = size.constant();
    LASSO_CHECK(number >= INT32_MIN && number <= INT32_MAX, ErrorCode::kInvalidArgument,
                "sizes: {} is no number of 32 bits", number);
    problem.numbers.push_back(static_cast<std::int32_t>(number));
  }
  return problem;
}

GatherProblem make_gather_problem(const Call& call) {
  const Operand& table = call.inputs.at(0);
  const Operand& index = call.inputs.at(1);
  const auto& op = std::get<graph::Gather>(call.op);
  const auto axis = static_cast<std::size_t>(op.axis);
  LASSO_CHECK(axis < table.dims.size() && index.dtype == DType::kI32, ErrorCode::kInternal,
              "gather: table {} along axis {} and index of type {}", to_string(table.dims), op.axis,
              to_string(index.dtype));
  return {.outer = product(table.dims, 0, axis),
          .count = element_count(index.dims),
          .rows = table.dims[axis],
          .row_bytes = product(table.dims, axis + 1, table.dims.size()) *
                       static_cast<std::int64_t>(size_of(table.dtype)),
          .offset = op.offset,
          .wrap = op.wrap};
}

}  // namespace

CopyProblem make_slice_problem(const Dims& x, std::size_t element_bytes, std::int64_t axis,
                               std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto i = static_cast<std::size_t>(axis);
  const bool forward = step > 0;
  LASSO_CHECK(
      i < x.size() && step != 0 && begin >= 0 &&
          (forward ? begin <= end && end <= x[i] : end >= -1 && end <= begin && begin < x[i]),
      ErrorCode::kInvalidArgument, "slice: {}:{}:{} of axis {} of {}", begin, end, step, axis,
      to_string(x));
  Dims y = x;
  y[i] = forward ? (end - begin + step - 1) / step : (begin - end - step - 1) / -step;
  Dims strides = strides_of(x);
  const std::int64_t first = begin * strides[i];
  strides[i] *= step;
  CopyProblem problem = make_copy(y, strides, element_bytes);
  problem.source_offset = first * static_cast<std::int64_t>(element_bytes);
  return problem;
}

CopyProblem make_transpose_problem(const Dims& x, std::size_t element_bytes,
                                   const std::vector<std::int64_t>& permutation) {
  LASSO_CHECK(permutation.size() == x.size(), ErrorCode::kInternal,
              "transpose: {} with {} dimensions permuted", to_string(x), permutation.size());
  const Dims strides = strides_of(x);
  Dims y;
  Dims source_strides;
  for (const std::int64_t from : permutation) {
    y.push_back(x.at(static_cast<std::size_t>(from)));
    source_strides.push_back(strides.at(static_cast<std::size_t>(from)));
  }
  return make_copy(y, source_strides, element_bytes);
}

CopyProblem make_expand_problem(const Dims& x, std::size_t element_bytes, const Dims& y) {
  LASSO_CHECK(x.size() <= y.size(), ErrorCode::kInternal, "expand: {} to {}", to_string(x),
              to_string(y));
  Dims full(y.size() - x.size(), 1);
  full.insert(full.end(), x.begin(), x.end());
  Dims strides = strides_of(full);
  for (std::size_t i = 0; i < y.size(); ++i) {
    LASSO_CHECK(full[i] == y[i] || full[i] == 1, ErrorCode::kInternal, "expand: {} to {}",
                to_string(x), to_string(y));
    if (full[i] == 1) strides[i] = 0;
  }
  return make_copy(y, strides, element_bytes);
}

const std::vector<Kernel<CopyProblem>>& copy_kernels() {
  static const std::vector<Kernel<CopyProblem>> list{kCopyTransposeAvx2, kCopyRef};
  return list;
}

const std::vector<Kernel<ConcatProblem>>& concat_kernels() {
  static const std::vector<Kernel<ConcatProblem>> list{kConcatRef};
  return list;
}

const std::vector<Kernel<SizesProblem>>& sizes_kernels() {
  static const std::vector<Kernel<SizesProblem>> list{kSizesRef};
  return list;
}

const std::vector<Kernel<GatherProblem>>& gather_kernels() {
  static const std::vector<Kernel<GatherProblem>> list{kGatherRef};
  return list;
}

const Family& concat_family() {
  static const ListFamily<ConcatProblem> family("concat", concat_kernels(), make_concat_problem);
  return family;
}

const Family& slice_family() {
  static const ListFamily<CopyProblem> family("slice", copy_kernels(), [](const Call& call) {
    const auto& op = std::get<graph::Slice>(call.op);
    return make_slice_problem(call.inputs.at(0).dims, element_bytes(call), op.axis,
                              op.begin.constant(), op.end.constant(), op.step);
  });
  return family;
}

const Family& copy_family() {
  static const ListFamily<CopyProblem> family("copy", copy_kernels(), [](const Call& call) {
    const Dims& x = call.inputs.at(0).dims;
    return make_copy(x, strides_of(x), element_bytes(call));
  });
  return family;
}

const Family& transpose_family() {
  static const ListFamily<CopyProblem> family("transpose", copy_kernels(), [](const Call& call) {
    return make_transpose_problem(call.inputs.at(0).dims, element_bytes(call),
                                  std::get<graph::Transpose>(call.op).permutation);
  });
  return family;
}

const Family& expand_family() {
  static const ListFamily<CopyProblem> family("expand", copy_kernels(), [](const Call& call) {
    return make_expand_problem(call.inputs.at(0).dims, element_bytes(call),
                               call.outputs.at(0).dims);
  });
  return family;
}

const Family& sizes_family() {
  static const ListFamily<SizesProblem> family("sizes", sizes_kernels(), make_sizes_problem);
  return family;
}

const Family& gather_family() {
  static const ListFamily<GatherProblem> family("gather", gather_kernels(), make_gather_problem);
  return family;
}

}  // namespace lasso::kernels
