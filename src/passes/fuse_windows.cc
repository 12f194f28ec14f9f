// Attention within windows that exporters cut out of a grid, which they fill up with zeros, and put
// back: linear layers work on tokens, wherever these stand, so that attention in windows of the
// grid between layers on the grid computes the same without moving anything.
#include <utility>

#include "passes/axes.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Linear;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

constexpr std::size_t kBias = 2;

bool has(const Node& node, std::size_t i) {
  return i < node.inputs.size() && node.inputs[i] != kNoValue;
}

Axes joined(std::initializer_list<Axes> parts) {
  Axes all;
  for (const Axes& axes : parts) all.insert(all.end(), axes.begin(), axes.end());
  return all;
}

// A layer of weights and at most a bias, whose activation comes behind all.
bool is_plain(const Node& node) { return node.inputs.size() <= kBias + 1; }

struct Windows {
  const Node* first = nullptr;   // the layer that makes queries, keys and values
  const Node* second = nullptr;  // the one behind attention
  ValueId grid = kNoValue;       // [B, H, W, C], before it is filled up
  ValueId result = kNoValue;     // [B, H, W, C'], behind the second layer
  bool filled = false;           // the windows leave the grid
};

class WindowFinder {
 public:
  explicit WindowFinder(const Graph& graph)
      : graph_(graph),
        tracer_(graph, {.parts = false, .factors = false}),
        readers_(graph.values.size(), nullptr) {
    for (const Node& node : graph.nodes) {
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) readers_[static_cast<std::size_t>(id)] = &node;
      }
    }
  }

  std::optional<Windows> find(const Node& attention) {
    const auto* op = std::get_if<graph::WindowAttention>(&attention.op);
    if (op == nullptr || op->window != 0 || has(attention, 3)) return {};
    const Shape& windows = graph_.value(attention.inputs.front()).shape;
    if (windows[1] != windows[2] || !windows[1].is_constant()) return {};
    const Dim& side = windows[1];
    Windows found;
    if (!find_before(attention.inputs.front(), side, found)) return {};
    if (!find_behind(attention.outputs.front(), side, found)) return {};
    const Shape& grid = shape(found.grid);
    if (grid[1] == side && grid[2] == side) return {};  // one window, which is no part of anything
    return found;
  }

 private:
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }

  // From the attention's operand back to the grid.
  bool find_before(ValueId qkv, const Dim& side, Windows& found) {
    const View parts = tracer_.trace(qkv);
    const auto [layer, linear] = tracer_.match().maker_of<Linear>(parts.root);
    const bool in_order =
        tracer_.same(tracer_.leaves(parts.dims), tracer_.leaves(tracer_.trace(parts.root).dims));
    if (layer == nullptr || !is_plain(*layer) || !in_order) return false;
    if (linear->activation != graph::Activation::kNone) return false;
    const View tokens = tracer_.trace(layer->inputs.front());
    const ValueId full = tokens.root;
    if (shape(full).size() != 4) return false;
    Shape by_window = shape(qkv);
    by_window.back() = shape(full).back();
    const auto dims = tracer_.grouped(tracer_.leaves(tokens.dims), by_window);
    if (!dims) return false;
    const View grid = tracer_.trace(full);
    const auto rows = divided(grid.dims[1], shape(full)[1], side);
    const auto columns = divided(grid.dims[2], shape(full)[2], side);
    if (!rows || !columns) return false;
    const Axes expected =
        joined({grid.dims[0], (*rows)[0], (*columns)[0], (*rows)[1], (*columns)[1], grid.dims[3]});
    if (!tracer_.same(tracer_.leaves(*dims), expected)) return false;
    found.first = layer;
    return find_grid(full, side, found);
  }

  // The grid that zeros fill up to whole windows, if they do.
  bool find_grid(ValueId full, const Dim& side, Windows& found) {
    const auto [node, pad] = tracer_.match().maker_of<graph::Pad>(full);
    found.grid = full;
    if (pad == nullptr) return true;
    const Shape& inner = shape(node->inputs.front());
    for (const std::size_t axis : {1, 2}) {
      if (!inner[axis].is_constant()) return false;
      const std::int64_t rest = inner[axis].constant() % side.constant();
      const Dim expected = rest == 0 ? 0 : side.constant() - rest;
      if (pad->after[axis] != expected) return false;
    }
    const Dim zero = 0;
    const bool is = pad->value == 0.0F && pad->before == Shape(4, zero) && pad->after[0] == zero &&
                    pad->after[3] == zero;
    found.grid = node->inputs.front();
    found.filled = true;
    return is;
  }

  // From the attention's result through the second layer to the grid.
  bool find_behind(ValueId attended, const Dim& side, Windows& found) {
    const ValueId tokens = behind_layouts(attended);
    const Node* layer = only_reader(tokens);
    if (layer == nullptr || !std::holds_alternative<Linear>(layer->op) || !is_plain(*layer) ||
        layer->inputs.front() != tokens) {
      return false;
    }
    if (!tracer_.same(tracer_.leaves(tracer_.trace(tokens).dims),
                      tracer_.leaves(tracer_.trace(attended).dims))) {
      return false;
    }
    const ValueId projected = layer->outputs.front();
    const ValueId full = behind_layouts(projected);
    const View view = tracer_.trace(full);
    const Shape& grid = shape(found.grid);
    if (view.root != projected || shape(full).size() != 4 || shape(full)[0] != grid[0]) {
      return false;
    }
    const auto rows = shape(full)[1].divided_by(side);
    const auto columns = shape(full)[2].divided_by(side);
    if (!rows || !columns) return false;
    const auto parts = tracer_.grouped(tracer_.leaves(tracer_.trace(projected).dims),
                                       {grid[0], *rows, *columns, side, side, shape(full)[3]});
    if (!parts) return false;
    const Axes expected =
        joined({(*parts)[0], (*parts)[1], (*parts)[3], (*parts)[2], (*parts)[4], (*parts)[5]});
    if (!tracer_.same(tracer_.leaves(view.dims), expected)) return false;
    found.second = layer;
    found.result = behind_slices(full);
    const Shape& result = shape(found.result);
    return result[1] == grid[1] && result[2] == grid[2] && result[3] == shape(full)[3];
  }

  // The numbers of windows along a side of the grid, and their sides, as axes.
  std::optional<std::vector<Axes>> divided(const Axes& axes, const Dim& whole, const Dim& side) {
    const auto count = whole.divided_by(side);
    if (!count) return {};
    return tracer_.grouped(axes, {*count, side});
  }

  const Node* only_reader(ValueId id) const {
    return tracer_.match().is_read_once(id) ? readers_[static_cast<std::size_t>(id)] : nullptr;
  }

  ValueId behind_layouts(ValueId id) const {
    for (const Node* node = only_reader(id); node != nullptr && is_layout(*node);
         node = only_reader(id)) {
      id = node->outputs.front();
    }
    return id;
  }

  // Behind what takes the first rows and columns of a grid.
  ValueId behind_slices(ValueId id) const {
    for (const Node* node = only_reader(id); node != nullptr; node = only_reader(id)) {
      const auto* op = std::get_if<graph::Slice>(&node->op);
      const bool is =
          op != nullptr && (op->axis == 1 || op->axis == 2) && op->begin == Dim(0) && op->step == 1;
      if (!is) break;
      id = node->outputs.front();
    }
    return id;
  }

  const Graph& graph_;
  AxisTracer tracer_;
  std::vector<const Node*> readers_;  // the last one of each value
};

// Of each value's node the nodes that take its place.
std::vector<Node> write(Graph& graph, const Graph& before, const Node& node, const Node& attention,
                        const Windows& found) {
  Expansion e(graph, node);
  std::vector<ValueId> inputs = found.first->inputs;
  inputs.front() = found.grid;
  const ValueId qkv = e.add("qkv", found.first->op, inputs);
  auto op = std::get<graph::WindowAttention>(attention.op);
  op.window = before.value(attention.inputs.front()).shape[1].constant();
  inputs = attention.inputs;
  inputs.front() = qkv;
  if (found.filled) {
    inputs.resize(4, kNoValue);
    // Zeros behind the first layer are its bias.
    const std::int64_t width = before.value(attention.inputs.front()).shape.back().constant();
    inputs[3] = has(*found.first, kBias)
                    ? found.first->inputs[kBias]
                    : e.constant("pad", make_tensor({width}, std::vector<float>(width, 0.0F)));
  }
  const ValueId attended = e.add("attended", op, inputs);
  // They are what the nodes before were, in another order.
  graph.value(qkv).name = before.value(found.first->outputs.front()).name;
  graph.value(attended).name = before.value(attention.outputs.front()).name;
  inputs = found.second->inputs;
  inputs.front() = attended;
  return e.finish({e.add("projected", found.second->op, inputs)});
}

}  // namespace

Graph fuse_windows(Graph graph, const PassContext& /*context*/) {
  const Graph before = graph;
  WindowFinder finder(before);
  std::map<ValueId, std::pair<const Node*, Windows>> found;  // by the result
  for (const Node& node : before.nodes) {
    if (const auto windows = finder.find(node)) found[windows->result] = {&node, *windows};
  }
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const auto it = found.find(node.outputs.front());
    if (it == found.end()) {
      nodes.push_back(std::move(node));
      continue;
    }
    const auto& [attention, windows] = it->second;
    for (Node& made : write(graph, before, node, *attention, windows)) {
      nodes.push_back(std::move(made));
    }
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace lasso::passes
