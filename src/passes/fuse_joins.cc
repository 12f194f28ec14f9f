// Channels of several images that are joined for convolutions of one pixel alone, as detectors have
// them, are not copied to one image: the convolutions read all of them.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "passes/pass.h"

namespace lasso::passes {

namespace {

using graph::Conv2d;
using graph::Graph;
using graph::Node;
using graph::ValueId;

// A join of images that nodes make. An input or a constant is shown by no step of a run but by the
// join itself, and calibration must see all that a convolution reads.
bool is_join(const Graph& graph, const Node& node, const std::set<ValueId>& made) {
  const auto* op = std::get_if<graph::Concat>(&node.op);
  return op != nullptr && op->axis == 3 && node.inputs.size() > 1 &&
         node.inputs.size() <= Conv2d::kMostJoined &&
         graph.value(node.outputs.front()).shape.size() == 4 &&
         std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](ValueId id) { return made.contains(id); });
}

bool reads_one_image(const Node& node) {
  const auto* op = std::get_if<Conv2d>(&node.op);
  return op != nullptr && op->is_pointwise() && node.inputs.size() <= Conv2d::kFirstJoined;
}

Node joined(const Node& convolution, const Node& join) {
  Node node = convolution;
  node.inputs.resize(Conv2d::kFirstJoined, graph::kNoValue);
  node.inputs[0] = join.inputs[0];
  node.inputs.insert(node.inputs.end(), join.inputs.begin() + 1, join.inputs.end());
  return node;
}

}  // namespace

Graph fuse_joins(Graph graph, const PassContext& context) {
  if (!context.has_fast_kernel) return graph;
  std::map<ValueId, std::vector<std::size_t>> readers;  // of joined images
  std::map<ValueId, const Node*> joins;
  std::set<ValueId> made;
  for (const Node& node : graph.nodes) {
    if (is_join(graph, node, made)) joins[node.outputs.front()] = &node;
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  const auto give_up = [&](ValueId id) { joins.erase(id); };
  for (const ValueId id : graph.outputs) give_up(id);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const auto found = joins.find(node.inputs[k]);
      if (found == joins.end()) continue;
      const bool is_fused = k == 0 && reads_one_image(node) &&
                            context.has_fast_kernel(graph, joined(node, *found->second));
      if (is_fused) {
        readers[found->first].push_back(i);
      } else {
        give_up(found->first);
      }
    }
  }
  std::map<std::size_t, Node> replaced;
  for (const auto& [id, join] : joins) {
    for (const std::size_t i : readers[id]) replaced[i] = joined(graph.nodes[i], *join);
  }
  for (auto& [i, node] : replaced) graph.nodes[i] = std::move(node);
  return graph;
}

}  // namespace lasso::passes
