// Looking for patterns of nodes in a graph.
#ifndef LASSO_PASSES_MATCH_H_
#define LASSO_PASSES_MATCH_H_

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "core/convert.h"
#include "graph/graph.h"
#include "passes/producers.h"

namespace lasso::passes {

// Whether a node gives its operand's elements in another shape or order.
inline bool is_layout(const graph::Node& node) {
  return std::holds_alternative<graph::Reshape>(node.op) ||
         std::holds_alternative<graph::Transpose>(node.op);
}

// Who makes and who reads the values of a graph, which must outlive it and keep its nodes.
class Matcher {
 public:
  explicit Matcher(const graph::Graph& graph)
      : graph_(graph), producers_(producers(graph)), uses_(graph::use_counts(graph)) {}

  // The node that makes a value; null for inputs and constants.
  const graph::Node* maker(graph::ValueId id) const {
    if (id == graph::kNoValue) return nullptr;
    const std::size_t node = producers_[static_cast<std::size_t>(id)];
    return node == kNoNode ? nullptr : &graph_.nodes[node];
  }
  // The same where it is of a type of op, which is returned as well.
  template <typename Op>
  std::pair<const graph::Node*, const Op*> maker_of(graph::ValueId id) const {
    const graph::Node* node = maker(id);
    const Op* op = node == nullptr ? nullptr : std::get_if<Op>(&node->op);
    return {op == nullptr ? nullptr : node, op};
  }
  // The operands of a binary function without an activation that makes a value; null otherwise.
  const graph::Node* binary(graph::ValueId id, graph::BinaryKind kind) const {
    const auto [node, op] = maker_of<graph::Binary>(id);
    const bool is = op != nullptr && op->kind == kind && op->activation == graph::Activation::kNone;
    return is ? node : nullptr;
  }
  // The operand of a function of one value; kNoValue otherwise.
  graph::ValueId unary(graph::ValueId id, graph::UnaryKind kind) const {
    const auto [node, op] = maker_of<graph::Unary>(id);
    return op != nullptr && op->kind == kind ? node->inputs.front() : graph::kNoValue;
  }
  bool is_read_once(graph::ValueId id) const { return uses_[static_cast<std::size_t>(id)] == 1; }
  bool is_constant(graph::ValueId id) const {
    return id != graph::kNoValue && graph_.value(id).constant.has_value();
  }
  // A constant of one float.
  std::optional<float> number(graph::ValueId id) const {
    if (!is_constant(id)) return {};
    const Tensor& tensor = *graph_.value(id).constant;
    if (element_count(tensor.dims) != 1 || !is_real(tensor.dtype)) return {};
    return read_f32(tensor.dense().view()).front();
  }
  bool is_number(graph::ValueId id, float value) const {
    const auto seen = number(id);
    return seen && std::abs(*seen - value) <= 1e-6F * std::abs(value);
  }
  // Of two operands the one beside a constant of one float; kNoValue where there is none.
  std::pair<graph::ValueId, std::optional<float>> beside_number(const graph::Node& node) const {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      if (const auto value = number(node.inputs[i])) return {node.inputs[1 - i], value};
    }
    return {graph::kNoValue, {}};
  }

 private:
  const graph::Graph& graph_;
  std::vector<std::size_t> producers_;
  std::vector<std::int32_t> uses_;
};

}  // namespace lasso::passes

#endif  // LASSO_PASSES_MATCH_H_
