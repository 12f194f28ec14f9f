// A convolution of 1 x 1 is a linear layer of pixels, for which there are more kernels.
#include "passes/pass.h"

namespace lasso::passes {

using graph::Conv2d;

graph::Graph pointwise_linear(graph::Graph graph, const PassContext& context) {
  if (context.target.kind != backend::DeviceKind::kCpu) return graph;
  for (graph::Node& node : graph.nodes) {
    const auto* op = std::get_if<Conv2d>(&node.op);
    if (op == nullptr || !op->is_pointwise() || op->stride != 1) continue;
    if (op->weights != DType::kF32 || op->output != DType::kF32) continue;
    if (node.inputs.size() > Conv2d::kFirstJoined) continue;
    const graph::Value& x = graph.value(node.inputs[0]);
    graph::Value weights = graph.value(node.inputs[1]);
    if (!weights.constant || weights.constant->transposed || x.dtype != DType::kF32) continue;
    weights.shape = {weights.shape[0], weights.shape[1]};
    weights.constant->dims = graph::evaluate(weights.shape, {});
    graph.values.push_back(std::move(weights));
    node.inputs[1] = static_cast<graph::ValueId>(graph.values.size() - 1);
    node.op = graph::Linear{op->activation};
  }
  return graph;
}

}  // namespace lasso::passes
