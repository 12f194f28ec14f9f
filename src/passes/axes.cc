#include "passes/axes.h"

#include <algorithm>

namespace lasso::passes {

using graph::Dim;
using graph::Node;
using graph::Shape;
using graph::ValueId;

AxisTracer::AxisTracer(const graph::Graph& graph, Options options)
    : graph_(graph), match_(graph), options_(options), views_(graph.values.size()) {}

Axis AxisTracer::new_axis(Dim size) {
  axes_.push_back({std::move(size)});
  return static_cast<Axis>(axes_.size() - 1);
}

Axes AxisTracer::leaves(const Axes& axes) const {
  Axes result;
  for (const Axis axis : axes) {
    const Part& part = axes_[static_cast<std::size_t>(axis)];
    if (part.outer < 0) {
      result.push_back(axis);
      continue;
    }
    for (const Axis leaf : leaves(Axes{part.outer, part.inner})) result.push_back(leaf);
  }
  return result;
}

Axes AxisTracer::leaves(const std::vector<Axes>& dims) const {
  Axes all;
  for (const Axes& axes : dims) all.insert(all.end(), axes.begin(), axes.end());
  return leaves(all);
}

Dim AxisTracer::size(const Axes& axes) const {
  Dim product = 1;
  for (const Axis axis : axes) product = product * size(axis);
  return product;
}

std::optional<Axes> AxisTracer::take(Axes& axes, const Dim& size) {
  Axes taken;
  Dim rest = size;
  std::size_t next = 0;
  while (rest != Dim(1)) {
    if (next == axes.size()) return {};
    const Axis axis = axes[next];
    const Dim whole = this->size(axis);
    if (const auto quotient = rest.divided_by(whole)) {
      taken.push_back(axis);
      rest = *quotient;
      ++next;
      continue;
    }
    const auto inside = whole.divided_by(rest);
    if (!inside) return {};
    const Axis outer = new_axis(rest);
    const Axis inner = new_axis(*inside);
    Part& part = axes_[static_cast<std::size_t>(axis)];
    part.outer = outer;
    part.inner = inner;
    taken.push_back(outer);
    axes[next] = inner;
    rest = 1;
  }
  axes.erase(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(next));
  return taken;
}

std::optional<std::vector<Axes>> AxisTracer::grouped(const Axes& axes, const Shape& shape) {
  Axes rest = leaves(axes);
  std::vector<Axes> dims;
  for (const Dim& size : shape) {
    auto taken = take(rest, size);
    if (!taken) return {};
    dims.push_back(std::move(*taken));
  }
  if (!rest.empty()) return {};
  return dims;
}

View AxisTracer::root(ValueId id) {
  View view;
  view.root = id;
  for (const Dim& size : graph_.value(id).shape) {
    view.dims.push_back(size == Dim(1) ? Axes{} : Axes{new_axis(size)});
  }
  return view;
}

View AxisTracer::trace(ValueId id) {
  View& wanted = views_[static_cast<std::size_t>(id)];
  if (wanted.root != graph::kNoValue) return wanted;
  const Node* maker = match_.maker(id);
  if (maker == nullptr) return wanted = root(id);
  const auto last = static_cast<std::size_t>(maker - graph_.nodes.data());
  while (next_ <= last) {
    const Node& node = graph_.nodes[next_++];
    const bool is_view = node.outputs.size() == 1 && !graph_.value(node.outputs.front()).count;
    std::optional<View> view = is_view ? through(node) : std::nullopt;
    for (const ValueId result : node.outputs) {
      views_[static_cast<std::size_t>(result)] = view ? std::move(*view) : root(result);
    }
  }
  return wanted;
}

std::optional<View> AxisTracer::through(const Node& node) {
  if (const auto* op = std::get_if<graph::Reshape>(&node.op)) {
    View view = trace(node.inputs.front());
    Axes all;
    for (const Axes& axes : view.dims) all.insert(all.end(), axes.begin(), axes.end());
    auto dims = grouped(all, op->shape);
    if (!dims) return {};
    view.dims = std::move(*dims);
    return view;
  }
  if (const auto* op = std::get_if<graph::Transpose>(&node.op)) {
    View view = trace(node.inputs.front());
    std::vector<Axes> dims;
    for (const std::int64_t axis : op->permutation) {
      dims.push_back(view.dims[static_cast<std::size_t>(axis)]);
    }
    view.dims = std::move(dims);
    return view;
  }
  if (const auto* op = std::get_if<graph::Slice>(&node.op)) return through_slice(node, *op);
  if (const auto* op = std::get_if<graph::Binary>(&node.op)) return through_product(node, *op);
  return {};
}

// One of several equal parts of a dimension: the axis of the parts stands still.
std::optional<View> AxisTracer::through_slice(const Node& node, const graph::Slice& op) {
  if (!options_.parts || op.step != 1 || !op.begin.is_constant()) return {};
  const auto axis = static_cast<std::size_t>(op.axis);
  const Dim whole = graph_.value(node.inputs.front()).shape[axis];
  const Dim count = op.count();
  const auto parts = whole.divided_by(count);
  if (!parts || !parts->is_constant() || *parts == Dim(1) || !count.is_constant()) return {};
  if (op.begin.constant() % count.constant() != 0) return {};
  View view = trace(node.inputs.front());
  const auto divided = grouped(view.dims[axis], {*parts, count});
  if (!divided || divided->front().size() != 1) return {};
  view.fixed.emplace_back(divided->front().front(), op.begin.constant() / count.constant());
  view.dims[axis] = divided->back();
  return view;
}

std::optional<View> AxisTracer::through_product(const Node& node, const graph::Binary& op) {
  const bool divides = op.kind == graph::BinaryKind::kDiv;
  const bool multiplies = op.kind == graph::BinaryKind::kMul;
  if (!options_.factors || op.activation != graph::Activation::kNone) return {};
  if (!divides && !multiplies) return {};
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    if (divides && i == 1) break;
    const auto number = match_.number(node.inputs[1 - i]);
    if (!number || graph_.value(node.inputs[i]).shape != graph_.value(node.outputs.front()).shape) {
      continue;
    }
    View view = trace(node.inputs[i]);
    view.factor = divides ? view.factor / *number : view.factor * *number;
    return view;
  }
  return {};
}

ValueId write_view(Expansion& e, const AxisTracer& tracer, const std::string& name, ValueId from,
                   const std::vector<Axes>& from_dims,
                   const std::vector<std::pair<Axis, std::int64_t>>& fixed,
                   const std::vector<Axes>& dims) {
  const auto sizes = [&](const Axes& axes) {
    Shape shape;
    for (const Axis axis : axes) shape.push_back(tracer.size(axis));
    return shape;
  };
  const auto reshape = [&](const std::string& suffix, ValueId x, const Shape& shape) {
    return e.shape(x) == shape ? x : e.reshape(name + suffix, x, shape);
  };
  Axes have = tracer.leaves(from_dims);
  ValueId x = from;
  for (const auto& [axis, index] : fixed) {
    const Axes parts = tracer.leaves(Axes{axis});
    x = reshape(".axes", x, sizes(have));
    const auto at = std::find(have.begin(), have.end(), parts.front());
    x = e.add(name + ".part", graph::Slice{at - have.begin(), index, index + 1}, {x});
    have.erase(at);
    x = e.reshape(name + ".rest", x, sizes(have));
  }
  const Axes want = tracer.leaves(dims);
  if (want != have) {
    x = reshape(".axes", x, sizes(have));
    std::vector<std::int64_t> permutation;
    for (const Axis axis : want) {
      permutation.push_back(std::find(have.begin(), have.end(), axis) - have.begin());
    }
    x = e.transpose(name + ".transposed", x, permutation);
  }
  Shape shape;
  for (const Axes& axes : dims) shape.push_back(tracer.size(axes));
  return reshape("", x, shape);
}

}  // namespace lasso::passes
