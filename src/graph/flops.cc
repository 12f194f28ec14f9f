#include <algorithm>

#include "graph/graph.h"

namespace lasso::graph {

namespace {

double elements(const Graph& graph, ValueId id, const Bindings& bindings) {
  return static_cast<double>(element_count(evaluate(graph.value(id).shape, bindings)));
}

struct FlopsOf {
  const Graph& graph;
  const Node& node;
  const Bindings& bindings;

  double size(std::size_t input) const { return elements(graph, node.inputs[input], bindings); }
  double out() const { return elements(graph, node.outputs.front(), bindings); }
  double dim(std::size_t input, std::size_t axis) const {
    return static_cast<double>(graph.value(node.inputs[input]).shape[axis].evaluate(bindings));
  }

  double operator()(const Linear&) const { return 2 * out() * dim(1, 1); }
  double operator()(const MatMul&) const {
    return 2 * out() * dim(0, graph.value(node.inputs[0]).shape.size() - 1);
  }
  double operator()(const Conv2d& op) const {
    return 2 * out() * dim(1, 1) * static_cast<double>(op.kernel_h * op.kernel_w);
  }
  double operator()(const ConvTranspose2d&) const { return 2 * out() * dim(0, 3); }
  double operator()(const Deconv2d& op) const {
    return 2 * size(0) * dim(1, 1) * static_cast<double>(op.kernel_h * op.kernel_w);
  }
  double operator()(const Pool2d& op) const {
    return out() * static_cast<double>(op.kernel_h * op.kernel_w);
  }
  double operator()(const Resize& op) const {
    if (op.mode == ResizeMode::kNearest) return 0;
    return out() * (op.mode == ResizeMode::kLinear && !op.is_double() ? 2 * 4 : 2 * 16);
  }
  double operator()(const LayerNorm&) const { return 8 * out(); }
  double operator()(const UpscaledProduct&) const {
    return 2 * out() * dim(0, 2) * (1 + dim(1, 3) / dim(0, 1));
  }
  double operator()(const AddNorm&) const { return 10 * out(); }
  double operator()(const MaskUpscaling& op) const {
    const auto area = static_cast<double>(op.stride * op.stride);
    const double middle = size(1) / dim(1, 3) * area * dim(2, 1);
    return middle * (2 * dim(2, 0) + 8 + 2 * area * dim(6, 1)) + 2 * out() * dim(6, 1);
  }
  // q k^T and p v: two products of (queries x keys x head width) for each head; padded keys count.
  double operator()(const WindowAttention& op) const {
    const double keys =
        op.window > 0 ? static_cast<double>(op.window * op.window) : dim(0, 1) * dim(0, 2);
    return 4 * out() * keys;
  }
  double operator()(const Attention&) const { return 4 * out() * dim(1, 1); }
  // As the kernels count: a projection folded into the tokens, or made of all pixels.
  double operator()(const TokenToImage& op) const {
    const double pixels = elements(graph, node.inputs[1], bindings) / dim(1, 2);
    return 4 * pixels * folded(op.heads, dim(0, 1), dim(0, 2), dim(1, 2));
  }
  double operator()(const ImageToToken& op) const {
    const double tokens = dim(2, 1);
    const double width = dim(2, 2);
    const bool projected = node.inputs.size() > 7 && node.inputs[7] != kNoValue;
    const double queries = projected ? folded(op.heads, tokens, width, dim(0, 2)) : tokens * width;
    return 2 * out() / dim(4, 0) * (queries + folded(op.heads, tokens, width, dim(4, 0)));
  }
  static double folded(std::int64_t heads, double tokens, double width, double channels) {
    return std::min(static_cast<double>(heads) * tokens * channels, width * (tokens + channels));
  }
  double operator()(const Binary&) const { return out(); }
  double operator()(const Unary&) const { return out(); }
  double operator()(const LeakyRelu&) const { return out(); }
  double operator()(const Compare&) const { return out(); }
  double operator()(const Reduce&) const { return size(0); }
  double operator()(const ArgReduce&) const { return size(0); }
  double operator()(const CumSum&) const { return out(); }
  double operator()(const TopK&) const { return size(0); }
  double operator()(const NonMaxSuppression&) const { return size(1); }
  double operator()(const EfficientNms&) const { return size(1); }
  double operator()(const DetectionNms&) const { return size(0); }
  double operator()(const Softmax&) const { return 4 * out(); }
  double operator()(const FourierFeatures&) const { return 2 * out() * dim(1, 0); }
  template <typename Movement>
  double operator()(const Movement&) const {
    return 0;
  }
};

}  // namespace

double flops(const Graph& graph, const Node& node, const Bindings& bindings) {
  return std::visit(FlopsOf{graph, node, bindings}, node.op);
}

}  // namespace lasso::graph
