// LayerNorm over the last dimension, as exporters write it in nine operators:
//   c = x - mean(x);  y = c / sqrt(mean(c^2) + epsilon) * gamma + beta
#include <utility>

#include "passes/match.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::BinaryKind;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ReduceKind;
using graph::UnaryKind;
using graph::ValueId;

namespace {

struct Norm {
  ValueId x = kNoValue;
  ValueId gamma = kNoValue;
  ValueId beta = kNoValue;
  float epsilon = 0;
};

class NormFinder {
 public:
  explicit NormFinder(const Graph& graph) : graph_(graph), match_(graph) {}

  // Of the sum that a norm ends in.
  std::optional<Norm> find(const Node& sum) const {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      const Node* product = match_.binary(sum.inputs[1 - i], BinaryKind::kMul);
      if (product == nullptr || !is_row(sum.inputs[i])) continue;
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        if (!is_row(product->inputs[k])) continue;
        if (auto norm = standardised(product->inputs[1 - k])) {
          norm->gamma = product->inputs[k];
          norm->beta = sum.inputs[i];
          const graph::Dim width = graph_.value(norm->x).shape.back();
          const bool fits = graph_.value(norm->gamma).shape.back() == width &&
                            graph_.value(norm->beta).shape.back() == width;
          if (fits) return norm;
        }
      }
    }
    return {};
  }

 private:
  // A constant along the last dimension alone.
  bool is_row(ValueId id) const {
    const graph::Value& value = graph_.value(id);
    return value.constant && !value.shape.empty() &&
           graph::product(value.shape) == value.shape.back();
  }

  // The operand of a mean over the last dimension, which is kept.
  ValueId mean_operand(ValueId id) const {
    const auto [node, op] = match_.maker_of<graph::Reduce>(id);
    if (op == nullptr || op->kind != ReduceKind::kMean || !op->keep) return kNoValue;
    const auto last =
        static_cast<std::int64_t>(graph_.value(node->inputs.front()).shape.size()) - 1;
    return op->axes == std::vector{last} ? node->inputs.front() : kNoValue;
  }

  ValueId square_operand(ValueId id) const {
    if (const Node* power = match_.binary(id, BinaryKind::kPow)) {
      return match_.is_number(power->inputs[1], 2.0F) ? power->inputs[0] : kNoValue;
    }
    const Node* product = match_.binary(id, BinaryKind::kMul);
    const bool is = product != nullptr && product->inputs[0] == product->inputs[1];
    return is ? product->inputs[0] : kNoValue;
  }

  // (x - mean) / sqrt(variance + epsilon)
  std::optional<Norm> standardised(ValueId id) const {
    const Node* quotient = match_.binary(id, BinaryKind::kDiv);
    if (quotient == nullptr) return {};
    const ValueId centred = quotient->inputs[0];
    const ValueId root = match_.unary(quotient->inputs[1], UnaryKind::kSqrt);
    const Node* sum = match_.binary(root, BinaryKind::kAdd);
    if (sum == nullptr) return {};
    const auto [variance, epsilon] = match_.beside_number(*sum);
    if (!epsilon || square_operand(mean_operand(variance)) != centred) return {};
    const Node* difference = match_.binary(centred, BinaryKind::kSub);
    if (difference == nullptr || mean_operand(difference->inputs[1]) != difference->inputs[0]) {
      return {};
    }
    Norm norm;
    norm.x = difference->inputs[0];
    norm.epsilon = *epsilon;
    return norm;
  }

  const Graph& graph_;
  Matcher match_;
};

}  // namespace

Graph fuse_layer_norm(Graph graph, const PassContext& /*context*/) {
  const Graph before = graph;
  const NormFinder finder(before);
  const auto row = [&](ValueId id) {
    graph::Value value = before.value(id);
    value.shape = {value.shape.back()};
    value.constant->dims = graph::evaluate(value.shape, {});
    graph.values.push_back(std::move(value));
    return static_cast<ValueId>(graph.values.size() - 1);
  };
  for (Node& node : graph.nodes) {
    const auto* op = std::get_if<graph::Binary>(&node.op);
    if (op == nullptr || op->kind != BinaryKind::kAdd ||
        op->activation != graph::Activation::kNone) {
      continue;
    }
    const auto norm = finder.find(node);
    if (!norm || before.value(norm->x).shape != before.value(node.outputs.front()).shape) continue;
    graph::LayerNorm fused;
    fused.epsilon = norm->epsilon;
    node.op = fused;
    node.inputs = {norm->x, row(norm->gamma), row(norm->beta)};
  }
  return graph;
}

}  // namespace lasso::passes
