// Operators that move elements.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "formats/text.h"
#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

// The same elements in another shape, be they known or not.
void reshaped(NodeContext& n, Shape shape) {
  const Integers* known = n.integers(0);
  const Integers sizes = integer_list(shape);
  if (known != nullptr && sizes.are_numbers()) {
    Integers result = *known;
    result.dims = sizes.numbers();
    n.check(element_count(result.dims) == static_cast<std::int64_t>(result.values.size()),
            "{} elements under the shape {}", result.values.size(), to_string(result.dims));
    return n.result(0, std::move(result), n.type(0));
  }
  n.result(0, n.reshape(n.value(0), std::move(shape)));
}

void import_reshape(NodeContext& n) {
  std::vector<Dim> sizes;
  bool from_data = false;
  if (n.opset() >= 5) {
    from_data = n.integers(1) == nullptr;
    sizes = n.sizes(1, "the shape");
  } else {
    const auto list = n.integer_list("shape");
    n.check(list.has_value(), "attribute shape is missing");
    sizes.assign(list->begin(), list->end());
  }
  const Shape& x = n.shape(0);
  const bool keeps_zeros = n.integer("allowzero", 0) != 0;
  Shape shape;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dim size = sizes[i];
    if (size == Dim(0) && !keeps_zeros) {
      n.check(i < x.size(), "size {} is that of the input, which has {} dimensions", i, x.size());
      size = x[i];
    } else if (size == Dim(-1)) {
      n.check(!open, "two sizes are open");
      open = i;
      size = 1;
    }
    shape.push_back(size);
  }
  if (open) {
    const Dim others = graph::product(shape);
    const auto size = graph::product(x).divided_by(others);
    if (!size) {
      n.check(!graph::product(x).is_constant() || !others.is_constant(),
              "{} into a shape of a multiple of {} elements", to_string(x), to_string(others));
      n.unsupported("the size {} over {}", to_string(graph::product(x)), to_string(others));
    }
    shape[*open] = *size;
  }
  // How many elements that is can't be known.
  if (from_data && graph::product(shape) != graph::product(x)) {
    n.unsupported("the shape is computed from data ({})", printable(n.input_name(1)));
  }
  reshaped(n, std::move(shape));
}

void import_flatten(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  const std::int64_t given = n.integer("axis", 1);
  const std::int64_t axis = given == rank ? rank : n.axis(given, std::max<std::int64_t>(rank, 1));
  const Shape& x = n.shape(0);
  const auto at = x.begin() + std::min(axis, rank);
  reshaped(n, {graph::product({x.begin(), at}), graph::product({at, x.end()})});
}

void import_squeeze(NodeContext& n) {
  const Shape& x = n.shape(0);
  const auto given = n.axes_of(1);
  std::vector<bool> gone(x.size(), false);
  if (given) {
    for (const std::int64_t axis : n.axes(*given, n.rank(0))) {
      const Dim& size = x[static_cast<std::size_t>(axis)];
      n.check(!size.is_constant() || size.constant() == 1, "axis {} of {} is not 1", axis,
              to_string(x));
      if (!size.is_constant())
        n.unsupported("axis {} of {} may be more than 1", axis, to_string(x));
      gone[static_cast<std::size_t>(axis)] = true;
    }
  } else {
    for (std::size_t i = 0; i < x.size(); ++i) gone[i] = x[i] == Dim(1);
  }
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!gone[i]) shape.push_back(x[i]);
  }
  reshaped(n, std::move(shape));
}

void import_unsqueeze(NodeContext& n) {
  const auto given = n.axes_of(1);
  n.check(given.has_value(), "axes are missing");
  const std::int64_t rank = n.rank(0) + static_cast<std::int64_t>(given->size());
  Axes axes = n.axes(*given, rank);
  std::sort(axes.begin(), axes.end());
  Shape shape = n.shape(0);
  for (const std::int64_t axis : axes) shape.insert(shape.begin() + axis, Dim(1));
  reshaped(n, std::move(shape));
}

void import_transpose(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  Axes permutation(static_cast<std::size_t>(rank));
  for (std::int64_t i = 0; i < rank; ++i) {
    permutation[static_cast<std::size_t>(i)] = rank - 1 - i;
  }
  if (const auto given = n.integer_list("perm")) permutation = n.axes(*given, rank);
  n.check(static_cast<std::int64_t>(permutation.size()) == rank, "attribute perm has {} axes of {}",
          permutation.size(), rank);
  if (std::is_sorted(permutation.begin(), permutation.end())) return n.pass(0);
  n.result(0, n.transpose(n.value(0), permutation));
}

void import_concat(NodeContext& n) {
  n.check(n.input_count() > 0, "it has no input");
  const std::int64_t axis = n.axis(n.integer("axis", 0), n.rank(0));
  bool known = axis == 0;
  for (std::size_t i = 0; i < n.input_count(); ++i) known = known && n.integers(i) != nullptr;
  if (known) {
    Integers result = *n.integers(0);
    for (std::size_t i = 1; i < n.input_count(); ++i) {
      const Integers& next = *n.integers(i);
      n.check(next.dims.size() == result.dims.size(), "inputs of {} and {} dimensions",
              result.dims.size(), next.dims.size());
      n.check(std::equal(next.dims.begin() + 1, next.dims.end(), result.dims.begin() + 1),
              "inputs {} and {}", to_string(result.dims), to_string(next.dims));
      n.charge({static_cast<std::int64_t>(next.values.size())});
      result.dims[0] += next.dims[0];
      result.values.insert(result.values.end(), next.values.begin(), next.values.end());
    }
    return n.result(0, std::move(result), n.type(0));
  }
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < n.input_count(); ++i) {
    n.check(n.rank(i) == n.rank(0), "inputs of {} and {} dimensions", n.rank(0), n.rank(i));
    const bool empty = n.shape(i)[static_cast<std::size_t>(axis)] == Dim(0);
    if (!empty) values.push_back(n.value(i));
  }
  if (values.empty()) values.push_back(n.value(0));
  if (values.size() == 1) return n.result(0, values.front());
  n.result(0, n.add(graph::Concat{axis}, values));
}

// What Expand's shape and the input's make together.
Shape expanded_shape(const NodeContext& n, const Shape& x, const std::vector<Dim>& sizes) {
  Shape shape(sizes.begin(), sizes.end());
  if (shape.size() < x.size()) shape.insert(shape.begin(), x.size() - shape.size(), Dim(1));
  for (std::size_t back = 1; back <= x.size(); ++back) {
    Dim& size = shape[shape.size() - back];
    const Dim& own = x[x.size() - back];
    if (size == Dim(1)) size = own;
    n.check(own == size || own == Dim(1) || !own.is_constant() || !size.is_constant(), "{} into {}",
            to_string(x), to_string(Shape(sizes.begin(), sizes.end())));
  }
  return shape;
}

void import_expand(NodeContext& n) {
  const Shape shape = expanded_shape(n, n.shape(0), n.sizes(1, "the shape"));
  const Integers* known = n.integers(0);
  const Integers sizes = integer_list(shape);
  if (known != nullptr && sizes.are_numbers()) {
    const Integers zeros{sizes.numbers(), {}};
    if (element_count(zeros.dims) <= kMostIntegers) {
      Integers filled = zeros;
      filled.values.assign(static_cast<std::size_t>(element_count(zeros.dims)), Dim(0));
      if (auto sum = combine("Add", filled, *known)) {
        return n.result(0, std::move(*sum), n.type(0));
      }
    }
  }
  if (shape == n.shape(0)) return n.pass(0);
  n.result(0, n.expand(n.value(0), shape));
}

// [a, b] repeated r and s times: [1, a, 1, b] to [r, a, s, b], as [ra, sb].
void import_tile(NodeContext& n) {
  const std::vector<Dim> repeats = n.sizes(1, "the repeats");
  const Shape& x = n.shape(0);
  n.check(repeats.size() == x.size(), "{} repeats of {} dimensions", repeats.size(), x.size());
  Shape split;
  Shape repeated;
  Shape merged;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (repeats[i].is_constant() && repeats[i].constant() < 1) n.unsupported("no repeats");
    if (repeats[i] != Dim(1)) {
      split.emplace_back(1);
      repeated.push_back(repeats[i]);
    }
    split.push_back(x[i]);
    repeated.push_back(x[i]);
    merged.push_back(x[i] * repeats[i]);
  }
  if (merged == x) return n.pass(0);
  n.result(0, n.reshape(n.expand(n.reshape(n.value(0), split), repeated), merged));
}

// The indices along an axis that stand around it by another mode than a constant.
std::vector<std::int32_t> surrounding(const NodeContext& n, const std::string& mode,
                                      std::int64_t size, std::int64_t before, std::int64_t after) {
  std::vector<std::int32_t> indices;
  n.check(size > 0, "nothing to pad with");
  for (std::int64_t i = -before; i < size + after; ++i) {
    std::int64_t at = i;
    if (mode == "edge") {
      at = std::clamp<std::int64_t>(i, 0, size - 1);
    } else if (mode == "wrap") {
      at = ((i % size) + size) % size;
    } else {
      const std::int64_t period = std::max<std::int64_t>(1, 2 * (size - 1));
      at = ((i % period) + period) % period;
      if (at >= size) at = period - at;
    }
    indices.push_back(static_cast<std::int32_t>(at));
  }
  return indices;
}

// Sizes before and after each dimension.
std::pair<Shape, Shape> pads_of(NodeContext& n) {
  std::vector<Dim> pads;
  if (n.opset() < 11) {
    const auto list = n.integer_list(n.opset() < 2 ? "paddings" : "pads");
    n.check(list.has_value(), "attribute pads is missing");
    pads.assign(list->begin(), list->end());
  } else {
    pads = n.sizes(1, "the padding", 0);
  }
  Axes axes;
  if (n.opset() >= 18 && n.has(3)) {
    axes = n.axes(n.numbers(3, "axes"), n.rank(0));
  } else {
    for (std::int64_t i = 0; i < n.rank(0); ++i) axes.push_back(i);
  }
  n.check(pads.size() == 2 * axes.size(), "{} sizes around {} dimensions", pads.size(),
          axes.size());
  std::pair<Shape, Shape> around(Shape(n.shape(0).size(), Dim(0)),
                                 Shape(n.shape(0).size(), Dim(0)));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    around.first[static_cast<std::size_t>(axes[i])] = pads[i];
    around.second[static_cast<std::size_t>(axes[i])] = pads[i + axes.size()];
  }
  return around;
}

void import_pad(NodeContext& n) {
  auto [before, after] = pads_of(n);
  const std::string mode = n.text("mode", "constant");
  ValueId x = n.value(0);
  // What is negative is cut off.
  for (std::size_t i = 0; i < before.size(); ++i) {
    Dim begin = 0;
    Dim end = n.shape_of(x)[i];
    if (before[i].is_constant() && before[i].constant() < 0) {
      begin = begin - before[i];
      before[i] = 0;
    }
    if (after[i].is_constant() && after[i].constant() < 0) {
      end = end + after[i];
      after[i] = 0;
    }
    if (begin != Dim(0) || end != n.shape_of(x)[i]) {
      x = n.add(graph::Slice{static_cast<std::int64_t>(i), begin, end}, {x});
    }
  }
  if (mode == "constant") {
    float value = 0.0F;
    if (n.opset() < 11) {
      value = n.number("value", 0.0F);
    } else if (n.has(2)) {
      value = is_integer(n.type(2)) || n.type(2) == OnnxDataType::kBool
                  ? static_cast<float>(n.number(2, "the value"))
                  : n.scalar(2, "the value");
    }
    const bool none =
        std::all_of(before.begin(), before.end(), [](const Dim& d) { return d == Dim(0); }) &&
        std::all_of(after.begin(), after.end(), [](const Dim& d) { return d == Dim(0); });
    if (none) return x == n.value(0) ? n.pass(0) : n.result(0, x);
    if (value != 0.0F && n.dtype_of(x) != DType::kF32) {
      n.unsupported("a padding of {} in {}", value, to_string(n.type(0)));
    }
    return n.result(0, n.add(graph::Pad{before, after, value}, {x}));
  }
  n.check(mode == "reflect" || mode == "edge" || mode == "wrap", "attribute mode is \"{}\"", mode);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == Dim(0) && after[i] == Dim(0)) continue;
    const Dim& size = n.shape_of(x)[i];
    if (!size.is_constant() || !before[i].is_constant() || !after[i].is_constant()) {
      n.unsupported("mode {} around an open size", mode);
    }
    n.charge({before[i].constant()});
    n.charge({size.constant()});
    n.charge({after[i].constant()});
    const std::vector<std::int32_t> indices =
        surrounding(n, mode, size.constant(), before[i].constant(), after[i].constant());
    graph::Gather gather;
    gather.axis = static_cast<std::int64_t>(i);
    x = n.add(gather,
              {x, n.constant(make_tensor({static_cast<std::int64_t>(indices.size())}, indices))});
  }
  n.result(0, x);
}

constexpr std::int64_t kMostBlock = 1 << 15;

// [B, C, H, W], blocks of b x b pixels of C / b^2 channels; DCR: the block stands before the
// channel in the depth, CRD: behind it.
void import_depth_to_space(NodeContext& n) {
  const std::int64_t b = n.integer("blocksize", 0);
  n.check(b > 0 && b <= kMostBlock && n.rank(0) == 4, "blocks of {} in {} dimensions", b,
          n.rank(0));
  const Shape x = n.shape(0);
  const auto channels = x[1].divided_by(b * b);
  n.check(channels.has_value(), "{} channels in blocks of {}", to_string(x[1]), b);
  const std::string mode = n.text("mode", "DCR");
  n.check(mode == "DCR" || mode == "CRD", "attribute mode is \"{}\"", mode);
  ValueId y = 0;
  if (mode == "DCR") {
    y = n.transpose(n.reshape(n.value(0), {x[0], b, b, *channels, x[2], x[3]}), {0, 3, 4, 1, 5, 2});
  } else {
    y = n.transpose(n.reshape(n.value(0), {x[0], *channels, b, b, x[2], x[3]}), {0, 1, 4, 2, 5, 3});
  }
  n.result(0, n.reshape(y, {x[0], *channels, x[2] * b, x[3] * b}));
}

void import_space_to_depth(NodeContext& n) {
  const std::int64_t b = n.integer("blocksize", 0);
  n.check(b > 0 && b <= kMostBlock && n.rank(0) == 4, "blocks of {} in {} dimensions", b,
          n.rank(0));
  const Shape x = n.shape(0);
  const auto rows = x[2].divided_by(b);
  const auto columns = x[3].divided_by(b);
  n.check(rows && columns, "{} in blocks of {}", to_string(x), b);
  const std::string mode = n.text("mode", "DCR");
  n.check(mode == "DCR" || mode == "CRD", "attribute mode is \"{}\"", mode);
  const Axes order = mode == "DCR" ? Axes{0, 3, 5, 1, 2, 4} : Axes{0, 1, 3, 5, 2, 4};
  const ValueId y = n.transpose(n.reshape(n.value(0), {x[0], x[1], *rows, b, *columns, b}), order);
  n.result(0, n.reshape(y, {x[0], x[1] * Dim(b * b), *rows, *columns}));
}

}  // namespace

const std::vector<Operator>& layout_operators() {
  static const std::vector<Operator> list{
      {"Concat", import_concat},
      {"DepthToSpace", import_depth_to_space},
      {"Expand", import_expand},
      {"Flatten", import_flatten},
      {"Pad", import_pad},
      {"Reshape", import_reshape},
      {"SpaceToDepth", import_space_to_depth},
      {"Squeeze", import_squeeze},
      {"Tile", import_tile},
      {"Transpose", import_transpose},
      {"Unsqueeze", import_unsqueeze},
  };
  return list;
}

}  // namespace lasso::onnx
