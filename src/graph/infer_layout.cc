// The rules of ops that move elements of any type.
#include <algorithm>
#include <cstdlib>

#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

namespace {

constexpr std::int64_t kMaxStep = std::int64_t{1} << 31;

}  // namespace

Results Concat::infer(const Inputs& in) const {
  in.require(in.count() >= 1, "at least one input");
  Shape y = in.shape(0);
  const auto at = static_cast<std::size_t>(axis);
  in.require(axis >= 0 && at < y.size(), "an axis of the inputs");
  for (std::size_t i = 1; i < in.count(); ++i) {
    Shape other = in.shape(i);
    in.require(other.size() == y.size() && in.dtype(i) == in.dtype(0),
               "inputs of one rank and type");
    y[at] = y[at] + other[at];
    other[at] = y[at];
    in.require(other == y, "inputs that differ along the axis only");
  }
  return {result(in.dtype(0), std::move(y))};
}

Dim Slice::count() const {
  if (step > 0) return (end - begin + (step - 1)).floor_divided_by(step);
  return (begin - end + (-step - 1)).floor_divided_by(-step);
}

Results Slice::infer(const Inputs& in) const {
  in.require_count(1, 1);
  Shape y = in.shape(0);
  const auto at = static_cast<std::size_t>(axis);
  in.require(axis >= 0 && at < y.size(), "an axis of the input");
  in.require(step != 0 && std::abs(step) <= kMaxStep, "a step that is not 0");
  if (begin.is_constant() && end.is_constant()) {
    const std::int64_t low = step > 0 ? begin.constant() : end.constant() + 1;
    const std::int64_t high = step > 0 ? end.constant() : begin.constant() + 1;
    in.require(low >= 0 && low < high, "begin before end, in the direction of the step");
    in.require(!y[at].is_constant() || high <= y[at].constant(), "nothing behind the input's end");
  }
  y[at] = count();
  return {result(in.dtype(0), std::move(y))};
}

Results Reshape::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require(product(in.shape(0)) == product(shape),
             fmt::format("as many elements as {} has", to_string(shape)));
  return {result(in.dtype(0), shape)};
}

Results Pad::infer(const Inputs& in) const {
  in.require_count(1, 1);
  Shape y = in.shape(0);
  in.require(!y.empty() && before.size() == y.size() && after.size() == y.size(),
             "a size before and one after for each dimension");
  in.require(value == 0.0F || in.dtype(0) == DType::kF32, "zeros around other types than float32");
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (const Dim& side : {before[i], after[i]}) {
      in.require(!side.is_constant() || side.constant() >= 0, "no negative sizes");
      y[i] = y[i] + side;
    }
  }
  return {result(in.dtype(0), std::move(y))};
}

Results Transpose::infer(const Inputs& in) const {
  in.require_count(1, 1);
  const Shape& x = in.shape(0);
  std::vector<std::int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  bool valid = sorted.size() == x.size();
  for (std::size_t i = 0; valid && i < sorted.size(); ++i) {
    valid = sorted[i] == static_cast<std::int64_t>(i);
  }
  in.require(valid, "a permutation of the dimensions");
  Shape y;
  for (const std::int64_t from : permutation) y.push_back(x[static_cast<std::size_t>(from)]);
  return {result(in.dtype(0), std::move(y))};
}

Results Expand::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require(in.broadcast(in.shape(0), shape) == shape,
             fmt::format("a shape that broadcasts to {}", to_string(shape)));
  return {result(in.dtype(0), shape)};
}

Results Sizes::infer(const Inputs& in) const {
  constexpr std::size_t kMost = 64;
  in.require_count(1, 1);
  in.require(sizes.size() <= kMost, "at most 64 sizes");
  return {result(DType::kI32, {static_cast<std::int64_t>(sizes.size())})};
}

Results Gather::infer(const Inputs& in) const {
  in.require_count(2, 2);
  const Shape& table = in.shape(0);
  in.require(!table.empty() && in.dtype(1) == DType::kI32, "a table and int32 indices");
  in.require(axis >= 0 && static_cast<std::size_t>(axis) < table.size(), "an axis of the table");
  Shape y(table.begin(), table.begin() + axis);
  y.insert(y.end(), in.shape(1).begin(), in.shape(1).end());
  y.insert(y.end(), table.begin() + axis + 1, table.end());
  return {result(in.dtype(0), std::move(y))};
}

}  // namespace lasso::graph
