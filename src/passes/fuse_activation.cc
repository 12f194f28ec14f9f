#include <optional>

#include "passes/pass.h"
#include "passes/producers.h"

namespace lasso::passes {

using graph::Activation;

namespace {

// The activation attribute of an op that has one.
struct ActivationOf {
  template <typename T>
  Activation* operator()(T& op) const {
    if constexpr (requires { op.activation; }) {
      return &op.activation;
    } else {
      return nullptr;
    }
  }
};

std::optional<Activation> activation_of(const graph::Node& node) {
  if (const auto* unary = std::get_if<graph::Unary>(&node.op)) {
    return graph::activation_of(unary->kind);
  }
  const auto* leaky = std::get_if<graph::LeakyRelu>(&node.op);
  if (leaky != nullptr && leaky->slope == graph::kLeakySlope) return Activation::kLeakyRelu;
  return {};
}

}  // namespace

graph::Graph fuse_activation(graph::Graph graph, const PassContext& /*context*/) {
  const std::vector<std::int32_t> uses = graph::use_counts(graph);
  const std::vector<std::size_t> producer = producers(graph);
  std::vector<bool> merged(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Activation> function = activation_of(graph.nodes[i]);
    if (!function) continue;
    const auto x = static_cast<std::size_t>(graph.nodes[i].inputs.front());
    const std::size_t maker = producer[x];
    if (maker == kNoNode || merged[maker] || uses[x] != 1) continue;
    graph::Node fused = graph.nodes[maker];
    Activation* activation = std::visit(ActivationOf{}, fused.op);
    if (graph.value(fused.outputs.front()).dtype != DType::kF32) continue;
    const bool has_residual = std::holds_alternative<graph::Linear>(fused.op) &&
                              fused.inputs.size() > 3 && fused.inputs[3] != graph::kNoValue;
    if (activation == nullptr || *activation != Activation::kNone || has_residual) continue;
    *activation = *function;
    fused.outputs = graph.nodes[i].outputs;
    graph.nodes[i] = std::move(fused);
    merged[maker] = true;
  }
  return graph;
}

}  // namespace lasso::passes
