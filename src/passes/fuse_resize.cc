// Resizes that pixels are cut off from, or that follow one another, as exports of SAM's decoder
// have them behind its masks: three images of four masks each, of which one is wanted.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "passes/match.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Resize;
using graph::ResizeCoordinates;
using graph::Slice;
using graph::ValueId;

namespace {

using Permutation = std::vector<std::int64_t>;

// A Resize whose result, transposed so, is a value; all between is read by nothing else.
struct Source {
  std::size_t node = kNoNode;
  std::vector<std::size_t> transposes;
  Permutation by = {0, 1, 2, 3};
};

class Fuser {
 public:
  explicit Fuser(Graph graph)
      : graph_(std::move(graph)), makers_(producers(graph_)), uses_(graph::use_counts(graph_)) {}

  Graph run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (ValueId& id : graph_.nodes[i].inputs) {
        const auto it = same_.find(id);
        if (it != same_.end()) id = it->second;
      }
      if (std::holds_alternative<Slice>(graph_.nodes[i].op)) crop(i);
      if (std::holds_alternative<Resize>(graph_.nodes[i].op)) join(i);
    }
    std::vector<Node> left;
    for (Node& node : graph_.nodes) {
      if (same_.count(node.outputs.front()) == 0) left.push_back(std::move(node));
    }
    graph_.nodes = std::move(left);
    return std::move(graph_);
  }

 private:
  std::optional<Source> source(ValueId id) const {
    Source result;
    while (true) {
      const std::size_t maker = makers_[static_cast<std::size_t>(id)];
      if (maker == kNoNode || uses_[static_cast<std::size_t>(id)] != 1) return {};
      const Node& node = graph_.nodes[maker];
      if (std::holds_alternative<Resize>(node.op)) {
        result.node = maker;
        return result;
      }
      const auto* transpose = std::get_if<graph::Transpose>(&node.op);
      if (transpose == nullptr || transpose->permutation.size() != result.by.size()) return {};
      for (std::int64_t& axis : result.by) {
        axis = transpose->permutation[static_cast<std::size_t>(axis)];
      }
      result.transposes.push_back(maker);
      id = node.inputs.front();
    }
  }

  // The first pixels along an axis of a Resize are those of one with that many, by the scale that
  // it had; where the scale or the pixels' places depend on how many there are, they stay.
  void crop(std::size_t i) {
    const Node& node = graph_.nodes[i];
    const auto slice = std::get<Slice>(node.op);
    const auto from = source(node.inputs.front());
    if (!from || slice.begin != Dim(0) || slice.step != 1) return;
    const ValueId result = node.outputs.front();
    const bool is_output =
        std::find(graph_.outputs.begin(), graph_.outputs.end(), result) != graph_.outputs.end();
    if (is_output) return;
    Node& made = graph_.nodes[from->node];
    Resize op = std::get<Resize>(made.op);
    const std::int64_t axis = from->by[static_cast<std::size_t>(slice.axis)];
    if (axis != 1 && axis != 2) return;
    if (op.coordinates != ResizeCoordinates::kHalfPixel &&
        op.coordinates != ResizeCoordinates::kAsymmetric) {
      return;
    }
    Dim& size = axis == 1 ? op.height : op.width;
    float& scale = axis == 1 ? op.scale_h : op.scale_w;
    const Dim before = between(op, made.inputs.front(), axis);
    if (scale == 0.0F) {
      if (!size.is_constant() || !before.is_constant() || before.constant() == 0) return;
      scale = static_cast<float>(size.constant()) / static_cast<float>(before.constant());
    }
    size = slice.end;
    made.op = op;
    graph_.value(made.outputs.front()).shape[static_cast<std::size_t>(axis)] = size;
    for (const std::size_t at : from->transposes) {
      const auto& by = std::get<graph::Transpose>(graph_.nodes[at].op).permutation;
      const graph::Shape& x = graph_.value(graph_.nodes[at].inputs.front()).shape;
      graph::Shape& y = graph_.value(graph_.nodes[at].outputs.front()).shape;
      for (std::size_t k = 0; k < y.size(); ++k) y[k] = x[static_cast<std::size_t>(by[k])];
    }
    const ValueId whole = node.inputs.front();
    same_[result] = whole;
    uses_[static_cast<std::size_t>(whole)] = uses_[static_cast<std::size_t>(result)];
  }

  // Of what pixels along an axis the result's are made.
  Dim between(const Resize& op, ValueId x, std::int64_t axis) const {
    if (op.is_double()) return axis == 1 ? op.through_height : op.through_width;
    return graph_.value(x).shape[static_cast<std::size_t>(axis)];
  }

  // Two linear sums one after another are one.
  void join(std::size_t i) {
    Node& node = graph_.nodes[i];
    Resize op = std::get<Resize>(node.op);
    const auto from = source(node.inputs.front());
    if (!from || !std::is_sorted(from->by.begin(), from->by.end())) return;
    const Node& first = graph_.nodes[from->node];
    const auto& before = std::get<Resize>(first.op);
    const Dim channels = graph_.value(first.inputs.front()).shape[3];
    const bool few = channels.is_constant() && channels.constant() <= kFewChannels;
    const bool linear = op.mode == graph::ResizeMode::kLinear && before.mode == op.mode;
    if (!few || !linear || op.coordinates != before.coordinates || op.is_double() ||
        before.is_double()) {
      return;
    }
    op.through_height = before.height;
    op.through_width = before.width;
    op.through_scale_h = before.scale_h;
    op.through_scale_w = before.scale_w;
    node.op = op;
    node.inputs = first.inputs;
  }

  Graph graph_;
  std::vector<std::size_t> makers_;
  std::vector<std::int32_t> uses_;
  std::map<ValueId, ValueId> same_;  // of slices that are gone, what they were of
};

}  // namespace

Graph fuse_resize(Graph graph, const PassContext& /*context*/) {
  return Fuser(std::move(graph)).run();
}

}  // namespace lasso::passes
