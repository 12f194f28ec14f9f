// LayerNorms take over the sum before them, and what readers make of their results: their rounding
// to 16 bits, and a sum with a value that is repeated, rounded or not. On GPUs, where each of these
// would read and write all of it once more.
#include <algorithm>
#include <vector>

#include "passes/pass.h"
#include "passes/producers.h"

namespace lasso::passes {

using graph::AddNorm;
using graph::Binary;
using graph::Cast;
using graph::Graph;
using graph::kNoValue;
using graph::LayerNorm;
using graph::Node;
using graph::Reshape;
using graph::ValueId;

namespace {

class NormFusion {
 public:
  explicit NormFusion(Graph graph)
      : graph_(std::move(graph)),
        uses_(graph::use_counts(graph_)),
        producers_(passes::producers(graph_)),
        readers_(graph_.values.size()),
        removed_(graph_.nodes.size(), false) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const ValueId id : graph_.nodes[i].inputs) {
        if (id != kNoValue) readers_[static_cast<std::size_t>(id)].push_back(i);
      }
    }
  }

  Graph run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const auto* norm = std::get_if<LayerNorm>(&graph_.nodes[i].op);
      if (norm != nullptr && norm->activation == graph::Activation::kNone &&
          norm->output == DType::kF32) {
        fuse(i);
      }
    }
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!removed_[i]) nodes.push_back(std::move(graph_.nodes[i]));
    }
    graph_.nodes = std::move(nodes);
    return std::move(graph_);
  }

 private:
  // A sum of a value and another, which is repeated along the first dimensions of the value.
  struct Sum {
    std::size_t node = kNoNode;
    ValueId whole = kNoValue;
    ValueId repeated = kNoValue;
  };

  std::int32_t uses(ValueId id) const { return uses_[static_cast<std::size_t>(id)]; }
  std::size_t producer(ValueId id) const { return producers_[static_cast<std::size_t>(id)]; }
  const std::vector<std::size_t>& readers(ValueId id) const {
    return readers_[static_cast<std::size_t>(id)];
  }
  ValueId result_of(std::size_t node) const { return graph_.nodes[node].outputs.front(); }

  bool is_sum(std::size_t node) const {
    if (node == kNoNode || removed_[node]) return false;
    const auto* op = std::get_if<Binary>(&graph_.nodes[node].op);
    return op != nullptr && *op == Binary{} && graph_.value(result_of(node)).dtype == DType::kF32;
  }

  // The sum that makes x, and that nothing else reads.
  Sum sum_before(ValueId x) const {
    const std::size_t node = producer(x);
    if (!is_sum(node) || uses(x) != 1) return {};
    const std::vector<ValueId>& operands = graph_.nodes[node].inputs;
    for (const std::size_t side : {0, 1}) {
      const Sum sum{node, operands[side], operands[1 - side]};
      if (graph_.value(sum.whole).shape == graph_.value(x).shape &&
          graph::repeats(graph_.value(sum.repeated).shape, graph_.value(x).shape)) {
        return sum;
      }
    }
    return {};
  }

  // The sum of z and something that is there before the node that makes z.
  Sum sum_behind(std::size_t node, ValueId z, std::size_t maker) const {
    if (!is_sum(node)) return {};
    const std::vector<ValueId>& operands = graph_.nodes[node].inputs;
    const ValueId other = operands[operands[0] == z ? 1 : 0];
    const std::size_t before = producer(other);
    const graph::Shape& shape = graph_.value(z).shape;
    const bool fits = other != z && (before == kNoNode || before < maker) &&
                      graph_.value(result_of(node)).shape == shape &&
                      graph::repeats(graph_.value(other).shape, shape);
    return fits ? Sum{node, z, other} : Sum{};
  }

  // The type of 16 bits that a node makes of an input; float32 if it is no such Cast.
  DType half_of(std::size_t node) const {
    const auto* cast = std::get_if<Cast>(&graph_.nodes[node].op);
    return cast != nullptr && is_half(cast->to) && !removed_[node] ? cast->to : DType::kF32;
  }

  // The same if all that reads the value are Casts to one type.
  DType half_of_readers(ValueId id) const {
    const std::vector<std::size_t>& nodes = readers(id);
    if (nodes.empty() || static_cast<std::int32_t>(nodes.size()) != uses(id)) return DType::kF32;
    const DType half = half_of(nodes.front());
    const bool same = std::all_of(nodes.begin(), nodes.end(),
                                  [&](std::size_t node) { return half_of(node) == half; });
    return same ? half : DType::kF32;
  }

  // The type in which readers want z most: the first of them that want one.
  DType wanted_half(std::size_t maker, ValueId z) const {
    for (const std::size_t node : readers(z)) {
      DType half = half_of(node);
      const bool passes_on = std::holds_alternative<Reshape>(graph_.nodes[node].op) ||
                             sum_behind(node, z, maker).node != kNoNode;
      if (passes_on) half = half_of_readers(result_of(node));
      if (half != DType::kF32) return half;
    }
    return DType::kF32;
  }

  void replace(ValueId from, ValueId to) {
    for (const std::size_t node : readers(from)) {
      std::replace(graph_.nodes[node].inputs.begin(), graph_.nodes[node].inputs.end(), from, to);
    }
    std::replace(graph_.outputs.begin(), graph_.outputs.end(), from, to);
  }

  // One value for what Casts of the same make: the first one's result, or what `value` is already.
  void take_over(std::size_t cast, ValueId& value) {
    removed_[cast] = true;
    if (value == kNoValue) {
      value = result_of(cast);
    } else {
      replace(result_of(cast), value);
    }
  }

  ValueId rounded_value(ValueId z, DType half) {
    graph::Value value;
    value.name = graph_.value(z).name + "." + std::string(to_string(half));
    value.dtype = half;
    value.shape = graph_.value(z).shape;
    graph_.values.push_back(std::move(value));
    return static_cast<ValueId>(graph_.values.size() - 1);
  }

  void fuse(std::size_t maker) {
    const ValueId z = result_of(maker);
    const DType half = wanted_half(maker, z);
    const Sum before = sum_before(graph_.nodes[maker].inputs.front());
    Sum behind;
    ValueId rounded = kNoValue;
    ValueId shifted = kNoValue;
    std::vector<std::size_t> reshapes;
    std::int32_t left = uses(z);
    const std::vector<std::size_t> nodes = readers(z);
    for (const std::size_t node : nodes) {
      if (removed_[node]) continue;
      if (half != DType::kF32 && half_of(node) == half) {
        take_over(node, rounded);
        --left;
      } else if (half != DType::kF32 && std::holds_alternative<Reshape>(graph_.nodes[node].op) &&
                 half_of_readers(result_of(node)) == half) {
        reshapes.push_back(node);
        --left;
      } else if (behind.node == kNoNode) {
        const Sum sum = sum_behind(node, z, maker);
        if (sum.node == kNoNode || half_of_readers(result_of(node)) != half) continue;
        behind = sum;
        --left;
      }
    }
    if (before.node == kNoNode && behind.node == kNoNode && rounded == kNoValue &&
        reshapes.empty()) {
      return;
    }
    if (!reshapes.empty() && rounded == kNoValue) rounded = rounded_value(z, half);
    for (const std::size_t reshape : reshapes) {
      ValueId result = kNoValue;
      const std::vector<std::size_t> casts = readers(result_of(reshape));
      for (const std::size_t cast : casts) take_over(cast, result);
      graph_.nodes[reshape].inputs = {rounded};
      graph_.nodes[reshape].outputs = {result};
    }
    if (behind.node != kNoNode) {
      removed_[behind.node] = true;
      if (half == DType::kF32) {
        shifted = result_of(behind.node);
      } else {
        const std::vector<std::size_t> casts = readers(result_of(behind.node));
        for (const std::size_t cast : casts) take_over(cast, shifted);
      }
    }
    Node& node = graph_.nodes[maker];
    node.op = AddNorm{.epsilon = std::get<LayerNorm>(node.op).epsilon,
                      .keep = left > 0,
                      .rounded = rounded != kNoValue,
                      .output = half};
    node.inputs.resize(5, kNoValue);
    if (before.node != kNoNode) {
      removed_[before.node] = true;
      node.inputs[0] = before.whole;
      node.inputs[3] = before.repeated;
    }
    node.inputs[4] = behind.repeated;
    while (node.inputs.back() == kNoValue) node.inputs.pop_back();
    node.outputs.clear();
    if (left > 0) node.outputs.push_back(z);
    if (rounded != kNoValue) node.outputs.push_back(rounded);
    if (shifted != kNoValue) node.outputs.push_back(shifted);
  }

  Graph graph_;
  std::vector<std::int32_t> uses_;
  std::vector<std::size_t> producers_;
  std::vector<std::vector<std::size_t>> readers_;  // of the graph before, as the two above
  std::vector<bool> removed_;
};

}  // namespace

graph::Graph fuse_norm(graph::Graph graph, const PassContext& context) {
  if (context.target.kind != backend::DeviceKind::kCuda) return graph;
  return NormFusion(std::move(graph)).run();
}

}  // namespace lasso::passes
