// Functions that exporters write in several operators become one again: SiLU, the exact GELU,
// Fourier features, and biases of layers.
#include <cmath>

#include "passes/match.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::BinaryKind;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::UnaryKind;
using graph::ValueId;

namespace {

constexpr float kSqrt2 = 1.41421356F;

// x sigmoid(x)
ValueId silu_operand(const Matcher& match, const Node& product) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const ValueId x = match.unary(product.inputs[i], UnaryKind::kSigmoid);
    if (x != kNoValue && x == product.inputs[1 - i]) return x;
  }
  return kNoValue;
}

// erf(x / sqrt 2), by a division or a product.
ValueId erf_operand(const Matcher& match, ValueId id) {
  const ValueId scaled = match.unary(id, UnaryKind::kErf);
  if (scaled == kNoValue) return kNoValue;
  if (const Node* quotient = match.binary(scaled, BinaryKind::kDiv)) {
    return match.is_number(quotient->inputs[1], kSqrt2) ? quotient->inputs[0] : kNoValue;
  }
  const Node* product = match.binary(scaled, BinaryKind::kMul);
  if (product == nullptr) return kNoValue;
  const auto [x, factor] = match.beside_number(*product);
  return factor && std::abs(*factor - 1.0F / kSqrt2) <= 1e-6F ? x : kNoValue;
}

// 1 + erf(x / sqrt 2)
ValueId one_plus_erf_operand(const Matcher& match, ValueId id) {
  const Node* sum = match.binary(id, BinaryKind::kAdd);
  if (sum == nullptr) return kNoValue;
  const auto [erf, one] = match.beside_number(*sum);
  return one && *one == 1.0F ? erf_operand(match, erf) : kNoValue;
}

// A product's factors, those of a factor that is a product itself included.
void collect_factors(const Matcher& match, ValueId id, int depth, std::vector<ValueId>& factors) {
  const Node* product = depth == 0 ? nullptr : match.binary(id, BinaryKind::kMul);
  if (product == nullptr) {
    factors.push_back(id);
    return;
  }
  for (const ValueId factor : product->inputs) collect_factors(match, factor, depth - 1, factors);
}

// x (1 + erf(x / sqrt 2)) / 2, whatever the order of the three factors.
ValueId gelu_operand(const Matcher& match, const Node& product) {
  std::vector<ValueId> factors;
  for (const ValueId id : product.inputs) collect_factors(match, id, 1, factors);
  if (factors.size() != 3) return kNoValue;
  for (const ValueId sum : factors) {
    const ValueId x = one_plus_erf_operand(match, sum);
    if (x == kNoValue) continue;
    bool has_x = false;
    bool has_half = false;
    for (const ValueId factor : factors) {
      has_x = has_x || factor == x;
      has_half = has_half || match.is_number(factor, 0.5F);
    }
    if (has_x && has_half) return x;
  }
  return kNoValue;
}

// 2 x - 1
ValueId doubled_operand(const Matcher& match, ValueId id) {
  const Node* difference = match.binary(id, BinaryKind::kSub);
  if (difference == nullptr || !match.is_number(difference->inputs[1], 1.0F)) return kNoValue;
  const Node* product = match.binary(difference->inputs[0], BinaryKind::kMul);
  if (product == nullptr) return kNoValue;
  const auto [x, factor] = match.beside_number(*product);
  return factor && *factor == 2.0F ? x : kNoValue;
}

// The x and the rows [F, D] of [sin t, cos t] with t = 2 pi (2 x - 1) rows^T.
std::optional<std::pair<ValueId, ValueId>> fourier_operands(const Graph& graph,
                                                            const Matcher& match,
                                                            const Node& concat) {
  const std::size_t rank = graph.value(concat.outputs.front()).shape.size();
  if (concat.inputs.size() != 2) return {};
  if (std::get<graph::Concat>(concat.op).axis != static_cast<std::int64_t>(rank) - 1) return {};
  const ValueId angles = match.unary(concat.inputs[0], UnaryKind::kSin);
  if (angles == kNoValue || match.unary(concat.inputs[1], UnaryKind::kCos) != angles) return {};
  const Node* turns = match.binary(angles, BinaryKind::kMul);
  if (turns == nullptr) return {};
  const auto [product, factor] = match.beside_number(*turns);
  constexpr float kTwoPi = 6.28318531F;
  if (!factor || std::abs(*factor - kTwoPi) > 1e-6F * kTwoPi) return {};
  const auto [linear, op] = match.maker_of<graph::Linear>(product);
  if (linear == nullptr || *op != graph::Linear{} || !match.is_constant(linear->inputs[1])) {
    return {};
  }
  for (std::size_t i = 2; i < linear->inputs.size(); ++i) {
    if (linear->inputs[i] != kNoValue) return {};
  }
  const ValueId x = doubled_operand(match, linear->inputs[0]);
  if (x == kNoValue || graph.value(x).shape != graph.value(linear->inputs[0]).shape) return {};
  return std::pair{x, linear->inputs[1]};
}

// Layers whose bias may be added to.
std::size_t bias_index(const Node& node) {
  constexpr std::size_t kBias = 2;
  const bool has_bias = std::holds_alternative<graph::Linear>(node.op) ||
                        std::holds_alternative<graph::Conv2d>(node.op) ||
                        std::holds_alternative<graph::ConvTranspose2d>(node.op) ||
                        std::holds_alternative<graph::Deconv2d>(node.op);
  return has_bias ? kBias : 0;
}

bool is_plain(const Node& node) {
  return std::visit(
      [](const auto& op) {
        if constexpr (requires { op.activation; }) {
          return op.activation == graph::Activation::kNone;
        } else {
          return true;
        }
      },
      node.op);
}

// A constant that runs along the last dimension: [N], [1, ..., N].
bool is_row(const Graph& graph, ValueId id, const graph::Dim& width) {
  const graph::Value& value = graph.value(id);
  return value.constant && !value.shape.empty() && value.shape.back() == width &&
         graph::product(value.shape) == width;
}

// The layer without a bias that a sum with a constant makes one of; null where it is none.
const Node* layer_before(const Graph& graph, const Matcher& match, const Node& sum, ValueId& bias) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Node* layer = match.maker(sum.inputs[i]);
    if (layer == nullptr || bias_index(*layer) == 0 || !is_plain(*layer)) continue;
    const bool has_bias = layer->inputs.size() > 2 && layer->inputs[2] != kNoValue;
    const bool has_more = layer->inputs.size() > 3;
    const graph::Shape& shape = graph.value(layer->outputs.front()).shape;
    if (has_bias || has_more || !match.is_read_once(sum.inputs[i])) continue;
    if (!is_row(graph, sum.inputs[1 - i], shape.back())) continue;
    if (graph.value(sum.outputs.front()).shape != shape) continue;
    bias = sum.inputs[1 - i];
    return layer;
  }
  return nullptr;
}

}  // namespace

Graph fuse_functions(Graph graph, const PassContext& /*context*/) {
  const Graph before = graph;
  const Matcher match(before);
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<graph::Concat>(node.op)) {
      const auto operands = fourier_operands(before, match, node);
      if (!operands) continue;
      graph::Value columns = before.value(operands->second);
      std::swap(columns.shape[0], columns.shape[1]);
      std::swap(columns.constant->dims[0], columns.constant->dims[1]);
      columns.constant->transposed = !columns.constant->transposed;
      graph.values.push_back(std::move(columns));
      node.op = graph::FourierFeatures{};
      node.inputs = {operands->first, static_cast<ValueId>(graph.values.size() - 1)};
      continue;
    }
    const auto* op = std::get_if<graph::Binary>(&node.op);
    if (op == nullptr || op->activation != graph::Activation::kNone) continue;
    if (op->kind == BinaryKind::kMul) {
      ValueId x = silu_operand(match, node);
      UnaryKind kind = UnaryKind::kSilu;
      if (x == kNoValue) {
        x = gelu_operand(match, node);
        kind = UnaryKind::kGelu;
      }
      if (x == kNoValue || before.value(x).shape != before.value(node.outputs.front()).shape) {
        continue;
      }
      node.op = graph::Unary{kind};
      node.inputs = {x};
    } else if (op->kind == BinaryKind::kAdd) {
      ValueId bias = kNoValue;
      const Node* layer = layer_before(before, match, node, bias);
      if (layer == nullptr) continue;
      Node fused = *layer;
      fused.inputs.resize(3, kNoValue);
      graph::Value row = before.value(bias);
      row.shape = {before.value(fused.outputs.front()).shape.back()};
      row.constant->dims = graph::evaluate(row.shape, {});
      graph.values.push_back(std::move(row));
      fused.inputs[2] = static_cast<ValueId>(graph.values.size() - 1);
      fused.outputs = node.outputs;
      node = std::move(fused);
    }
  }
  return graph;
}

}  // namespace lasso::passes
