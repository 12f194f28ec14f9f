#include <algorithm>

#include "passes/pass.h"

namespace lasso::passes {

using graph::kNoValue;
using graph::ValueId;

graph::Graph eliminate_dead(graph::Graph graph, const PassContext& /*context*/) {
  std::vector<bool> needed(graph.values.size(), false);
  const auto need = [&](ValueId id) {
    if (id == kNoValue) return;
    needed[static_cast<std::size_t>(id)] = true;
    if (const auto count = graph.value(id).count) needed[static_cast<std::size_t>(*count)] = true;
  };
  std::for_each(graph.outputs.begin(), graph.outputs.end(), need);
  std::for_each(graph.inputs.begin(), graph.inputs.end(), need);  // the program's signature stays
  std::vector<graph::Node> nodes;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool used = std::any_of(node->outputs.begin(), node->outputs.end(),
                                  [&](ValueId id) { return needed[static_cast<std::size_t>(id)]; });
    if (!used) continue;
    std::for_each(node->inputs.begin(), node->inputs.end(), need);
    std::for_each(node->outputs.begin(), node->outputs.end(), need);
    nodes.push_back(std::move(*node));
  }
  std::reverse(nodes.begin(), nodes.end());

  std::vector<ValueId> renumbered(graph.values.size(), kNoValue);
  std::vector<graph::Value> values;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (!needed[i]) continue;
    renumbered[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  const auto renumber = [&](ValueId& id) {
    if (id != kNoValue) id = renumbered[static_cast<std::size_t>(id)];
  };
  for (graph::Node& node : nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), renumber);
    std::for_each(node.outputs.begin(), node.outputs.end(), renumber);
  }
  std::for_each(graph.inputs.begin(), graph.inputs.end(), renumber);
  std::for_each(graph.outputs.begin(), graph.outputs.end(), renumber);
  for (graph::Value& value : values) {
    if (value.count) renumber(*value.count);
  }
  graph.nodes = std::move(nodes);
  graph.values = std::move(values);
  return graph;
}

}  // namespace lasso::passes
