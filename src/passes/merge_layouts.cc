// Reshapes and transpositions one after another: what they come to is at most one of each.
#include <utility>

#include "passes/axes.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

Graph merge_layouts(Graph graph, const PassContext& /*context*/) {
  const Graph before = graph;
  AxisTracer tracer(before, {.parts = false, .factors = false});
  std::vector<bool> keeps(before.values.size(), false);  // what is more than a node's operand
  for (const ValueId id : before.outputs) keeps[static_cast<std::size_t>(id)] = true;
  for (const graph::Value& value : before.values) {
    if (value.count) keeps[static_cast<std::size_t>(*value.count)] = true;
  }
  std::vector<std::int32_t> transpositions(before.values.size(), 0);  // between it and its root
  std::vector<ValueId> same(before.values.size(), kNoValue);  // as it, that is there as well
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const ValueId result = node.outputs.front();
    const ValueId operand = node.inputs.front();
    for (ValueId& id : node.inputs) {
      if (id == kNoValue) continue;
      const ValueId other = same[static_cast<std::size_t>(id)];
      if (other != kNoValue) id = other;
    }
    const View view = is_layout(node) ? tracer.trace(result) : View{result, {}, {}};
    if (view.root == result) {
      nodes.push_back(std::move(node));
      continue;
    }
    std::int32_t& count = transpositions[static_cast<std::size_t>(result)];
    count = transpositions[static_cast<std::size_t>(operand)];
    if (std::holds_alternative<graph::Transpose>(node.op)) ++count;
    const std::vector<Axes> root = tracer.trace(view.root).dims;
    const graph::Shape& shape = before.value(result).shape;
    if (tracer.leaves(root) == tracer.leaves(view.dims)) {
      if (shape == before.value(view.root).shape && !keeps[static_cast<std::size_t>(result)]) {
        same[static_cast<std::size_t>(result)] = view.root;
        continue;
      }
      node.op = graph::Reshape{shape};
      node.inputs = {view.root};
      nodes.push_back(std::move(node));
    } else if (count < 2) {
      nodes.push_back(std::move(node));
    } else {
      Expansion e(graph, node);
      const ValueId y = write_view(e, tracer, "layout", view.root, root, {}, view.dims);
      for (Node& made : e.finish({y})) nodes.push_back(std::move(made));
    }
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace lasso::passes
