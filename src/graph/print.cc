#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/graph.h"

namespace lasso::graph {

namespace {

std::string with_activation(std::string text, Activation activation) {
  if (activation == Activation::kNone) return text;
  if (!text.empty()) text += ", ";
  return text + fmt::format("activation={}", to_string(activation));
}

// What differs from float32.
std::string with_types(std::string text, DType weights, DType output) {
  const auto append = [&](std::string_view key, DType dtype) {
    if (dtype == DType::kF32) return;
    if (!text.empty()) text += ", ";
    text += fmt::format("{}={}", key, to_string(dtype));
  };
  append("weights", weights);
  append("output", output);
  return text;
}

struct AttributesOf {
  std::string operator()(const Linear& op) const {
    return with_types(with_activation("", op.activation), op.weights, op.output);
  }
  std::string operator()(const MatMul& op) const { return with_activation("", op.activation); }
  std::string operator()(const Conv2d& op) const {
    return with_types(with_activation(fmt::format("kernel={}x{}, stride={}, padding={}",
                                                  op.kernel_h, op.kernel_w, op.stride, op.padding),
                                      op.activation),
                      op.weights, DType::kF32);
  }
  std::string operator()(const ConvTranspose2d& op) const {
    return with_types(with_activation(fmt::format("stride={}", op.stride), op.activation),
                      op.weights, op.output);
  }
  std::string operator()(const LayerNorm& op) const {
    return with_types(with_activation(fmt::format("epsilon={}", op.epsilon), op.activation),
                      DType::kF32, op.output);
  }
  std::string operator()(const WindowAttention& op) const {
    return fmt::format("heads={}, window={}, scale={}", op.heads,
                       op.window == 0 ? "global" : std::to_string(op.window), op.scale);
  }
  std::string operator()(const Attention& op) const {
    return fmt::format("heads={}, scale={}", op.heads, op.scale);
  }
  std::string operator()(const Binary& op) const { return with_activation("", op.activation); }
  std::string operator()(const Unary&) const { return ""; }
  std::string operator()(const Concat& op) const { return fmt::format("axis={}", op.axis); }
  std::string operator()(const Slice& op) const {
    return fmt::format("axis={}, {}:{}", op.axis, to_string(op.begin), to_string(op.end));
  }
  std::string operator()(const Reshape&) const { return ""; }
  std::string operator()(const Transpose& op) const {
    return fmt::format("permutation={}", fmt::join(op.permutation, ","));
  }
  std::string operator()(const Expand&) const { return ""; }
  std::string operator()(const Gather& op) const { return fmt::format("offset={}", op.offset); }
  std::string operator()(const FourierFeatures&) const { return ""; }
  std::string operator()(const Quantize&) const { return ""; }
  std::string operator()(const Cast&) const { return ""; }
};

std::string reference(const Graph& graph, ValueId id) {
  if (id == kNoValue) return "none";
  const Value& value = graph.value(id);
  return (value.constant ? "@" : "%") + value.name;
}

}  // namespace

std::string to_string(const Graph& graph) {
  std::string text = fmt::format("program {}\n", graph.name);
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    text += fmt::format("  input  %{}: {} {}\n", value.name, to_string(value.dtype),
                        to_string(value.shape));
  }
  for (const Node& node : graph.nodes) {
    const Value& result = graph.value(node.outputs.front());
    std::string inputs;
    for (const ValueId id : node.inputs) {
      if (!inputs.empty()) inputs += ", ";
      inputs += reference(graph, id);
    }
    const std::string attributes = std::visit(AttributesOf{}, node.op);
    text += fmt::format("  %{}: {} {} = {}({}){}\n", result.name, to_string(result.dtype),
                        to_string(result.shape), op_name(node.op), inputs,
                        attributes.empty() ? "" : " {" + attributes + "}");
  }
  for (const ValueId id : graph.outputs) {
    text += fmt::format("  output {}\n", reference(graph, id));
  }
  return text;
}

}  // namespace lasso::graph
