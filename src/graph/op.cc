#include "graph/op.h"

namespace lasso::graph {

std::string_view to_string(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return "none";
    case Activation::kGelu:
      return "gelu";
    case Activation::kRelu:
      return "relu";
    case Activation::kSigmoid:
      return "sigmoid";
  }
  return "unknown";
}

std::string_view to_string(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd:
      return "add";
    case BinaryKind::kSub:
      return "sub";
    case BinaryKind::kMul:
      return "mul";
  }
  return "unknown";
}

namespace {

struct NameOf {
  std::string_view operator()(const Linear&) const { return "linear"; }
  std::string_view operator()(const MatMul&) const { return "matmul"; }
  std::string_view operator()(const Conv2d&) const { return "conv2d"; }
  std::string_view operator()(const ConvTranspose2d&) const { return "conv_transpose2d"; }
  std::string_view operator()(const LayerNorm&) const { return "layer_norm"; }
  std::string_view operator()(const WindowAttention&) const { return "window_attention"; }
  std::string_view operator()(const Attention&) const { return "attention"; }
  std::string_view operator()(const Binary& op) const { return to_string(op.kind); }
  std::string_view operator()(const Unary& op) const {
    return op.activation == Activation::kNone ? "identity" : to_string(op.activation);
  }
  std::string_view operator()(const Concat&) const { return "concat"; }
  std::string_view operator()(const Slice&) const { return "slice"; }
  std::string_view operator()(const Reshape&) const { return "reshape"; }
  std::string_view operator()(const Transpose&) const { return "transpose"; }
  std::string_view operator()(const Expand&) const { return "expand"; }
  std::string_view operator()(const Gather&) const { return "gather"; }
  std::string_view operator()(const FourierFeatures&) const { return "fourier_features"; }
  std::string_view operator()(const Quantize&) const { return "quantize"; }
  std::string_view operator()(const Cast&) const { return "cast"; }
};

}  // namespace

std::string_view op_name(const Op& op) { return std::visit(NameOf{}, op); }

}  // namespace lasso::graph
