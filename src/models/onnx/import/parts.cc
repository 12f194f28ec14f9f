// Operators that take parts of a tensor along an axis.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

// The elements at the indices along an axis.
Integers taken(const NodeContext& n, const Integers& x, std::size_t axis, const Dims& index_dims,
               const std::vector<std::int64_t>& indices) {
  const auto size_of_part = [&](std::size_t begin, std::size_t end) {
    return std::accumulate(x.dims.begin() + static_cast<std::ptrdiff_t>(begin),
                           x.dims.begin() + static_cast<std::ptrdiff_t>(end), std::int64_t{1},
                           std::multiplies<>());
  };
  const std::int64_t outer = size_of_part(0, axis);
  const std::int64_t inner = size_of_part(axis + 1, x.dims.size());
  n.charge({outer, static_cast<std::int64_t>(indices.size()), inner});
  Integers result;
  result.dims.assign(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(axis));
  result.dims.insert(result.dims.end(), index_dims.begin(), index_dims.end());
  result.dims.insert(result.dims.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                     x.dims.end());
  for (std::int64_t i = 0; i < outer; ++i) {
    for (const std::int64_t index : indices) {
      const auto at = x.values.begin() + (i * x.dims[axis] + index) * inner;
      result.values.insert(result.values.end(), at, at + inner);
    }
  }
  return result;
}

void import_split(NodeContext& n) {
  const std::int64_t axis = n.axis(n.integer("axis", 0), n.rank(0));
  const auto at = static_cast<std::size_t>(axis);
  const Dim& size = n.shape(0)[at];
  std::vector<Dim> parts;
  if (n.opset() >= 13 && n.has(1)) {
    parts = n.sizes(1, "the sizes of the parts");
  } else if (const auto list = n.integer_list("split")) {
    parts.assign(list->begin(), list->end());
  } else {
    const auto count = static_cast<std::int64_t>(n.output_count());
    // The last one is what is left.
    const Dim part = (size + Dim(count - 1)).floor_divided_by(count);
    parts.assign(static_cast<std::size_t>(count - 1), part);
    parts.push_back(size - part * Dim(count - 1));
  }
  n.check(parts.size() == n.output_count(), "{} parts and {} results", parts.size(),
          n.output_count());
  Dim begin = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Dim end = begin + parts[i];
    const Integers* known = n.integers(0);
    if (known != nullptr && begin.is_constant() && end.is_constant()) {
      n.check(begin.constant() >= 0 && begin.constant() <= end.constant() &&
                  end.constant() <= known->dims[at],
              "parts beyond the input");
      std::vector<std::int64_t> indices;
      for (std::int64_t k = begin.constant(); k < end.constant(); ++k) indices.push_back(k);
      n.result(i, taken(n, *known, at, {static_cast<std::int64_t>(indices.size())}, indices),
               n.type(0));
    } else {
      if (begin == end) n.unsupported("a result without elements");
      n.result(i, n.add(graph::Slice{axis, begin, end}, {n.value(0)}), n.type(0));
    }
    begin = end;
  }
  n.check(begin == size || !begin.is_constant() || !size.is_constant(),
          "parts of {} elements together, of {}", to_string(begin), to_string(size));
}

// Where a slice begins or ends in a dimension: negative numbers count from its end, and what is
// outside is its first or last one. Of a step below 0 the first place before all is -1. At the last
// place that a run may ask for, `elements` are left.
Dim clamped(NodeContext& n, const Dim& place, const Dim& size, bool backwards,
            std::int64_t elements) {
  Dim least = backwards ? -1 : 0;
  Dim most = backwards ? size - 1 : size;
  Dim at = place;
  if (at.is_constant()) {
    // No symbol stands for more, and no size that is computed from some.
    const std::int64_t far =
        size.as_symbol() ? graph::kMaxSymbol : std::numeric_limits<std::int32_t>::max();
    if (at.constant() >= far) return most;
    if (at.constant() <= -far) return least;
    if (at.constant() < 0) at = at + size;
  }
  const auto is_sure = [&](const Dim& difference) {
    return is_never_negative(difference, n.importer().counted_symbols());
  };
  if (is_sure(at - most)) return most;
  if (is_sure(least - at)) return least;
  if (is_sure(at - least) && is_sure(most - at)) return at;
  // Who learns of a model gives no program that could ask for sizes of which the following is true.
  const bool may_ask = !n.importer().is_learning();
  // A size behind the end that nobody can tell: as exporters write it, it is inside, and that is
  // checked when a run gives the sizes.
  if (!place.is_constant() && may_ask) {
    n.importer().require_at_most(place, most - elements);
    return at;
  }
  // A number of places that the dimension must have: the program says so.
  if (place.is_constant() && size.as_symbol() && may_ask) {
    n.importer().require_positive(place.constant() < 0 ? at + 1 : size - at + 1);
    return at;
  }
  n.unsupported("{} of {}", to_string(place), to_string(size));
}

struct SliceRange {
  std::int64_t axis = 0;
  Dim begin = 0;
  Dim end = 0;
  std::int64_t step = 1;
};

std::vector<SliceRange> slice_ranges(NodeContext& n) {
  std::vector<Dim> begins;
  std::vector<Dim> ends;
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> steps;
  if (n.opset() < 10) {
    const auto starts = n.integer_list("starts");
    const auto stops = n.integer_list("ends");
    n.check(starts && stops, "attributes starts and ends are needed");
    begins.assign(starts->begin(), starts->end());
    ends.assign(stops->begin(), stops->end());
    if (const auto list = n.integer_list("axes")) axes = *list;
  } else {
    begins = n.sizes(1, "where it begins", 0);
    ends = n.sizes(2, "where it ends");
    if (n.has(3)) axes = n.numbers(3, "axes");
    if (n.has(4)) steps = n.numbers(4, "steps");
  }
  if (axes.empty()) {
    for (std::size_t i = 0; i < begins.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (steps.empty()) steps.assign(begins.size(), 1);
  n.check(
      ends.size() == begins.size() && axes.size() == begins.size() && steps.size() == begins.size(),
      "{} begins, {} ends, {} axes and {} steps", begins.size(), ends.size(), axes.size(),
      steps.size());
  axes = n.axes(axes, n.rank(0));
  std::vector<SliceRange> ranges;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    n.check(steps[i] != 0, "a step of 0");
    constexpr std::int64_t kFar = std::int64_t{1} << 31;
    steps[i] = std::clamp(steps[i], -kFar, kFar);
    const Dim& size = n.shape(0)[static_cast<std::size_t>(axes[i])];
    const bool backwards = steps[i] < 0;
    ranges.push_back({axes[i], clamped(n, begins[i], size, backwards, backwards ? 0 : 1),
                      clamped(n, ends[i], size, backwards, 0), steps[i]});
  }
  return ranges;
}

void import_slice(NodeContext& n) {
  const std::vector<SliceRange> ranges = slice_ranges(n);
  if (const Integers* known = n.integers(0)) {
    Integers result = *known;
    for (const SliceRange& range : ranges) {
      std::vector<std::int64_t> indices;
      const std::int64_t end = range.end.constant();
      for (std::int64_t i = range.begin.constant(); range.step > 0 ? i < end : i > end;
           i += range.step) {
        indices.push_back(i);
      }
      result = taken(n, result, static_cast<std::size_t>(range.axis),
                     {static_cast<std::int64_t>(indices.size())}, indices);
    }
    return n.result(0, std::move(result), n.type(0));
  }
  ValueId x = n.value(0);
  for (const SliceRange& range : ranges) {
    if (range.begin == range.end) n.unsupported("a result without elements");
    const Dim& size = n.shape_of(x)[static_cast<std::size_t>(range.axis)];
    if (range.begin == Dim(0) && range.end == size && range.step == 1) continue;
    graph::Slice slice{range.axis, range.begin, range.end};
    slice.step = range.step;
    x = n.add(slice, {x});
  }
  if (x == n.value(0)) return n.pass(0);
  n.result(0, x);
}

// By numbers alone; kernels gather what is computed.
bool import_known_gather(NodeContext& n, std::int64_t axis) {
  const Integers* known = n.integers(0);
  const Integers* index = n.integers(1);
  if (known == nullptr || index == nullptr || !index->are_numbers()) return false;
  const std::int64_t size = known->dims[static_cast<std::size_t>(axis)];
  std::vector<std::int64_t> indices = index->numbers();
  for (std::int64_t& at : indices) {
    n.check(at >= -size && at < size, "index {} of {}", at, size);
    if (at < 0) at += size;
  }
  n.result(0, taken(n, *known, static_cast<std::size_t>(axis), index->dims, indices), n.type(0));
  return true;
}

void import_gather(NodeContext& n) {
  const std::int64_t axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (import_known_gather(n, axis)) return;
  const Integers* index = n.integers(1);
  const Dim& size = n.shape(0)[static_cast<std::size_t>(axis)];
  if (index != nullptr && index->are_numbers() && size.is_constant()) {
    for (const std::int64_t at : index->numbers()) {
      n.check(at >= -size.constant() && at < size.constant(), "index {} of {}", at,
              size.constant());
    }
  }
  // One element is a slice, which may be a view.
  if (index != nullptr && index->values.size() == 1 && index->are_numbers()) {
    const std::int64_t number = index->numbers().front();
    const Dim begin = number < 0 ? size + Dim(number) : Dim(number);
    n.importer().require_positive(number < 0 ? begin + 1 : size - begin);
    const ValueId part = n.add(graph::Slice{axis, begin, begin + 1}, {n.value(0)});
    Shape shape = n.shape(0);
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, index->dims.begin(), index->dims.end());
    return n.result(0, n.reshape(part, shape));
  }
  graph::Gather gather;
  gather.axis = axis;
  gather.wrap = true;
  n.result(0, n.add(gather, {n.value(0), n.value(1)}));
}

}  // namespace

const std::vector<Operator>& part_operators() {
  static const std::vector<Operator> list{
      {"Gather", import_gather},
      {"Slice", import_slice},
      {"Split", import_split},
  };
  return list;
}

}  // namespace lasso::onnx
