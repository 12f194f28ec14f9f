// The rules of ops that read and write at indices, or find them.
#include <algorithm>

#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

namespace {

// That index has as many dimensions as x, and none, but the axis, that is larger.
void require_elements(const Inputs& in, std::int64_t axis) {
  in.require_type(1, {DType::kI32});
  const Shape& x = in.shape(0);
  const Shape& index = in.shape(1);
  const auto at = static_cast<std::size_t>(axis);
  in.require(axis >= 0 && at < x.size() && index.size() == x.size(),
             "an axis of the input, and indices of as many dimensions");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool known = x[i].is_constant() && index[i].is_constant();
    in.require(i == at || !known || index[i].constant() <= x[i].constant(),
               "indices of no more elements than the input but along the axis");
  }
}

// The shape of slices of x that tuples of indices name behind `batch_dims` dimensions: one for each
// tuple.
Shape slices_of(const Inputs& in, std::int64_t batch_dims) {
  in.require_type(1, {DType::kI32});
  const Shape& x = in.shape(0);
  const Shape& index = in.shape(1);
  const auto batch = static_cast<std::size_t>(batch_dims);
  in.require(batch_dims >= 0 && batch < index.size() && batch < x.size() &&
                 std::equal(x.begin(), x.begin() + batch_dims, index.begin()),
             "indices with the input's first dimensions and one more");
  in.require(index.back().is_constant() && index.back().constant() >= 1 &&
                 index.back().constant() <= static_cast<std::int64_t>(x.size() - batch),
             "as many indices in a tuple as the input has dimensions, or fewer");
  Shape y(index.begin(), index.end() - 1);
  y.insert(y.end(), x.begin() + batch_dims + index.back().constant(), x.end());
  return y;
}

void require_reducible(const Inputs& in, Reduction reduction) {
  in.require(in.dtype(2) == in.dtype(0), "updates of the input's type");
  if (reduction != Reduction::kNone) in.require_type(0, {DType::kF32, DType::kI32});
}

}  // namespace

Results GatherElements::infer(const Inputs& in) const {
  in.require_count(2, 2);
  require_elements(in, axis);
  return {result(in.dtype(0), in.shape(1))};
}

Results GatherNd::infer(const Inputs& in) const {
  in.require_count(2, 2);
  return {result(in.dtype(0), slices_of(in, batch_dims))};
}

Results ScatterElements::infer(const Inputs& in) const {
  in.require_count(3, 3);
  require_elements(in, axis);
  in.require_shape(2, in.shape(1));
  require_reducible(in, reduction);
  return {result(in.dtype(0), in.shape(0))};
}

Results ScatterNd::infer(const Inputs& in) const {
  in.require_count(3, 3);
  in.require_shape(2, slices_of(in, 0));
  require_reducible(in, reduction);
  return {result(in.dtype(0), in.shape(0))};
}

Results TopK::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32, DType::kI32});
  Shape y = in.shape(0);
  const auto at = static_cast<std::size_t>(axis);
  in.require(axis >= 0 && at < y.size(), "an axis of the input");
  if (k.is_constant()) {
    in.require(k.constant() >= 1 && (!y[at].is_constant() || k.constant() <= y[at].constant()),
               "1 to all elements along the axis");
  }
  y[at] = k;
  return {result(in.dtype(0), y), result(DType::kI32, y)};
}

Results NonMaxSuppression::infer(const Inputs& in) const {
  in.require_count(2, 2);
  in.require_float_from(0);
  in.require_rank(0, 3);
  in.require_rank(1, 3);
  const Shape& boxes = in.shape(0);
  const Shape& scores = in.shape(1);
  in.require(boxes[2] == Dim(4) && boxes[0] == scores[0] && boxes[1] == scores[2],
             "boxes [B, N, 4] and scores [B, C, N]");
  in.require(max_per_class >= 1 && max_per_class <= INT32_MAX, "at least one box of a class");
  const Dim most =
      boxes[1].is_constant() ? std::min(max_per_class, boxes[1].constant()) : max_per_class;
  const Dim rows = capacity == Dim(0) ? scores[0] * scores[1] * most : capacity;
  return {result(DType::kI32, {rows, 3}), result(DType::kI32, {})};
}

Results EfficientNms::infer(const Inputs& in) const {
  in.require_count(2, 3);
  in.require_float_from(0);
  in.require_rank(1, 3);
  const Shape& boxes = in.shape(0);
  const Shape& scores = in.shape(1);
  in.require(
      (boxes.size() == 3 || (boxes.size() == 4 && (boxes[2] == Dim(1) || boxes[2] == scores[2]))) &&
          boxes.back() == Dim(4) && boxes[0] == scores[0] && boxes[1] == scores[1],
      "boxes [B, N, 4] or [B, N, 1 or C, 4], and scores [B, N, C]");
  if (in.has(2)) {
    in.require_rank(2, 3);
    const Shape& anchors = in.shape(2);
    in.require((anchors[0] == Dim(1) || anchors[0] == scores[0]) && anchors[1] == scores[1] &&
                   anchors[2] == Dim(4),
               "anchors [1 or B, N, 4]");
  }
  in.require(max_outputs >= 1 && max_outputs <= kCandidates,
             fmt::format("1 to {} outputs", kCandidates));
  const Dim& batch = scores[0];
  return {result(DType::kI32, {batch}), result(DType::kF32, {batch, max_outputs, 4}),
          result(DType::kF32, {batch, max_outputs}), result(DType::kI32, {batch, max_outputs})};
}

Results DetectionNms::infer(const Inputs& in) const {
  in.require_count(1, 2);
  in.require_type(0, {DType::kF32});
  in.require_rank(0, 3);
  const Shape& boxes = in.shape(0);
  in.require(boxes[2].is_constant() && boxes[2].constant() >= 6,
             "boxes [B, N, 5 + C] of at least one class");
  if (in.has(1)) {
    in.require_type(1, {DType::kI32});
    in.require_shape(1, {boxes[2].constant() - 5});
  }
  in.require(max_outputs >= 1 && max_outputs <= kCandidates,
             fmt::format("1 to {} outputs", kCandidates));
  const Dim& batch = boxes[0];
  return {result(DType::kI32, {batch}), result(DType::kF32, {batch, max_outputs, 4}),
          result(DType::kF32, {batch, max_outputs}), result(DType::kI32, {batch, max_outputs}),
          result(DType::kI32, {batch})};
}

}  // namespace lasso::graph
