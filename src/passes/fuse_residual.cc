#include "passes/pass.h"
#include "passes/producers.h"

namespace lasso::passes {

using graph::Linear;

namespace {

bool takes_residual(const graph::Node& node) {
  return std::holds_alternative<Linear>(node.op) &&
         (node.inputs.size() < 4 || node.inputs[3] == graph::kNoValue);
}

}  // namespace

graph::Graph fuse_residual(graph::Graph graph, const PassContext& /*context*/) {
  const std::vector<std::int32_t> uses = graph::use_counts(graph);
  const std::vector<std::size_t> producer = producers(graph);
  std::vector<bool> merged(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto* sum = std::get_if<graph::Binary>(&graph.nodes[i].op);
    if (sum == nullptr || sum->kind != graph::BinaryKind::kAdd ||
        sum->activation != graph::Activation::kNone) {
      continue;
    }
    const std::vector<graph::ValueId> operands = graph.nodes[i].inputs;
    const graph::Shape& shape = graph.value(graph.nodes[i].outputs.front()).shape;
    for (std::size_t side = 0; side < 2; ++side) {
      const graph::ValueId x = operands[side];
      const graph::ValueId residual = operands[1 - side];
      const std::size_t maker = producer[static_cast<std::size_t>(x)];
      if (maker == kNoNode || merged[maker] || uses[static_cast<std::size_t>(x)] != 1 ||
          !takes_residual(graph.nodes[maker]) || graph.value(residual).shape != shape ||
          graph.value(x).shape != shape) {
        continue;
      }
      graph::Node fused = graph.nodes[maker];
      fused.inputs.resize(4, graph::kNoValue);
      fused.inputs[3] = residual;
      fused.outputs = graph.nodes[i].outputs;
      graph.nodes[i] = std::move(fused);
      merged[maker] = true;
      break;
    }
  }
  return graph;
}

}  // namespace lasso::passes
