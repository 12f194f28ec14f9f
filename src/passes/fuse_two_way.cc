// Attention between a prompt's tokens and an image's pixels takes over the layers that project the
// pixels, which CPUs then need not compute (kernels/two_way/two_way.h says why).
#include <optional>
#include <utility>
#include <vector>

#include "passes/match.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::Attention;
using graph::Binary;
using graph::BinaryKind;
using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Linear;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

class TwoWayFusion {
 public:
  explicit TwoWayFusion(Graph& graph)
      : graph_(graph), match_(graph), typical_(graph::typical_sizes(graph)) {}

  void run() {
    // From the last one on: a sum is looked at before the layer whose result it adds to.
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      std::optional<Node> fused = token_to_image(*node);
      if (!fused) fused = image_to_token(*node);
      if (fused) *node = std::move(*fused);
    }
  }

 private:
  // x, or x + p with positions p that all of a batch share.
  struct Pixels {
    ValueId x = kNoValue;
    ValueId p = kNoValue;
  };

  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  static ValueId input(const Node& node, std::size_t i) {
    return i < node.inputs.size() ? node.inputs[i] : kNoValue;
  }

  // x W^T + b alone, with constants, of rows of rank 3; null otherwise.
  const Node* projection(ValueId id) const {
    const auto [node, op] = match_.maker_of<Linear>(id);
    const bool is = op != nullptr && *op == Linear{} && input(*node, 3) == kNoValue &&
                    match_.is_constant(node->inputs[1]) &&
                    (input(*node, 2) == kNoValue || match_.is_constant(node->inputs[2])) &&
                    shape(node->inputs[0]).size() == 3;
    return is ? node : nullptr;
  }
  const Node* only_projection(ValueId id) const {
    return match_.is_read_once(id) ? projection(id) : nullptr;
  }

  // `wanted` is what x must be, if there is a choice.
  Pixels pixels(ValueId id, ValueId wanted = kNoValue) const {
    if (const Node* sum = match_.binary(id, BinaryKind::kAdd)) {
      const Shape& whole = shape(id);
      for (const std::size_t side : {0, 1}) {
        const Pixels found{sum->inputs[side], sum->inputs[1 - side]};
        const Shape& p = shape(found.p);
        if (shape(found.x) == whole && (wanted == kNoValue || found.x == wanted) &&
            (p == Shape{whole[1], whole[2]} || p == Shape{1, whole[1], whole[2]})) {
          return found;
        }
      }
    }
    return {id, kNoValue};
  }

  // Whether folding saves work: heads times the tokens that there usually are, against the width of
  // heads, for each of so many channels.
  bool is_worth_it(const Attention& op, const Dim& tokens, const Dim& pixels, const Dim& width,
                   const Dim& channels) const {
    if (!pixels.is_constant() || !width.is_constant() || !channels.is_constant()) return false;
    const std::int64_t count = tokens.evaluate(typical_);
    const auto some = static_cast<double>(count);
    const auto c = static_cast<double>(channels.constant());
    return count < pixels.constant() && static_cast<double>(op.heads) * some * c <=
                                            static_cast<double>(width.constant()) * (some + c);
  }

  std::optional<Node> token_to_image(const Node& node) const {
    const auto* op = std::get_if<Attention>(&node.op);
    if (op == nullptr) return {};
    const Node* k = only_projection(node.inputs[1]);
    const Node* v = only_projection(node.inputs[2]);
    if (k == nullptr || v == nullptr) return {};
    const ValueId x = v->inputs[0];
    Pixels from{k->inputs[0], kNoValue};
    if (from.x != x) from = pixels(from.x, x);
    // Keys and values of an image that all prompts share are made once.
    if (from.x != x || shape(x)[0] != shape(node.outputs.front())[0] ||
        !is_worth_it(*op, shape(node.inputs[0])[1], shape(x)[1], shape(node.inputs[0])[2],
                     shape(x)[2])) {
      return {};
    }
    return Node{graph::TokenToImage{op->heads, op->scale},
                {node.inputs[0], x, from.p, k->inputs[1], input(*k, 2), v->inputs[1], input(*v, 2)},
                node.outputs};
  }

  std::optional<Node> image_to_token(const Node& node) const {
    // What is added to the pixels, or what is made of them alone.
    if (const auto* sum = std::get_if<Binary>(&node.op); sum != nullptr && *sum == Binary{}) {
      for (const std::size_t side : {0, 1}) {
        const ValueId r = node.inputs[1 - side];
        if (!match_.is_read_once(node.inputs[side]) || shape(r).size() != 3) continue;
        const Node* out = projection(node.inputs[side]);
        const Shape& whole = shape(node.outputs.front());
        const Shape& part = shape(r);
        if (out == nullptr || part[1] != whole[1] || part[2] != whole[2]) continue;
        if (auto fused = image_to_token(*out, r, node.outputs)) return fused;
      }
      return {};
    }
    if (!std::holds_alternative<Linear>(node.op) || projection(node.outputs.front()) != &node) {
      return {};
    }
    return image_to_token(node, kNoValue, node.outputs);
  }

  std::optional<Node> image_to_token(const Node& out, ValueId r,
                                     const std::vector<ValueId>& results) const {
    const auto [attention, op] = match_.maker_of<Attention>(out.inputs[0]);
    if (op == nullptr || !match_.is_read_once(out.inputs[0])) return {};
    const ValueId q = attention->inputs[0];
    const Shape& k = shape(attention->inputs[1]);
    if (!is_worth_it(*op, k[1], shape(q)[1], k[2], shape(out.inputs[1])[0])) return {};
    // Queries of an image that all prompts share are made once.
    const Node* queries = shape(q)[0] == shape(results.front())[0] ? only_projection(q) : nullptr;
    const Pixels from = pixels(queries == nullptr ? q : queries->inputs[0]);
    Node fused{graph::ImageToToken{op->heads, op->scale},
               {from.x, from.p, attention->inputs[1], attention->inputs[2], out.inputs[1],
                input(out, 2), r},
               results};
    if (queries != nullptr) {
      fused.inputs.push_back(queries->inputs[1]);
      fused.inputs.push_back(input(*queries, 2));
    }
    while (fused.inputs.back() == kNoValue) fused.inputs.pop_back();
    return fused;
  }

  Graph& graph_;
  Matcher match_;
  graph::Bindings typical_;
};

}  // namespace

Graph fuse_two_way(Graph graph, const PassContext& context) {
  if (context.target.kind == backend::DeviceKind::kCpu) TwoWayFusion(graph).run();
  return graph;
}

}  // namespace lasso::passes
