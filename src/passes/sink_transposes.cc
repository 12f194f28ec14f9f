// Transpositions go towards the outputs until they meet their inverse, another one, or something
// that they can't pass. A model with channels before pixels, whose convolutions stand between two
// each, is left with those at its ends.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "passes/pass.h"

namespace lasso::passes {

using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::Value;
using graph::ValueId;

namespace {

using Permutation = std::vector<std::int64_t>;

bool is_identity(const Permutation& p) { return std::is_sorted(p.begin(), p.end()); }

// Where each dimension of the operand is in the result.
Permutation inverse(const Permutation& p) {
  Permutation result(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    result[static_cast<std::size_t>(p[i])] = static_cast<std::int64_t>(i);
  }
  return result;
}

Shape permuted(const Shape& shape, const Permutation& p) {
  Shape result;
  for (const std::int64_t axis : p) result.push_back(shape[static_cast<std::size_t>(axis)]);
  return result;
}

// For each value whether all that reads it are transpositions, of it or of what they sink through.
std::vector<bool> transposed_next(const Graph& graph) {
  std::vector<bool> is_read(graph.values.size(), false);
  std::vector<bool> otherwise(graph.values.size(), false);  // by something else
  const auto result = [&](ValueId id) {
    return is_read[static_cast<std::size_t>(id)] && !otherwise[static_cast<std::size_t>(id)];
  };
  for (const ValueId id : graph.outputs) otherwise[static_cast<std::size_t>(id)] = true;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool passes = std::holds_alternative<graph::Reshape>(node->op) ||
                        std::holds_alternative<graph::Unary>(node->op) ||
                        std::holds_alternative<graph::Cast>(node->op);
    const bool transposes = std::holds_alternative<graph::Transpose>(node->op) ||
                            (passes && result(node->outputs.front()));
    for (const ValueId id : node->inputs) {
      if (id == kNoValue) continue;
      is_read[static_cast<std::size_t>(id)] = true;
      if (!transposes) otherwise[static_cast<std::size_t>(id)] = true;
    }
  }
  std::vector<bool> all;
  for (std::size_t i = 0; i < is_read.size(); ++i) all.push_back(is_read[i] && !otherwise[i]);
  return all;
}

// One node after another is written into a new graph, where a value may stand for a transposition
// of one that is there: `from` transposed by `by`.
struct Pending {
  ValueId from = kNoValue;
  Permutation by;
  bool is_there = false;  // for those who could not read it so
};

class Sinker {
 public:
  explicit Sinker(Graph graph) : old_(std::move(graph)), transposed_next_(transposed_next(old_)) {
    new_.name = old_.name;
    new_.typical = old_.typical;
    new_.profile = old_.profile;
    new_.computed = old_.computed;
    new_.values = old_.values;  // their ids stay
    new_.inputs = old_.inputs;
  }

  Graph run() {
    for (Node& node : old_.nodes) add(std::move(node));
    for (const ValueId id : old_.outputs) materialise(id);
    for (const Value& value : old_.values) {
      if (value.count) materialise(*value.count);
    }
    new_.outputs = old_.outputs;
    return std::move(new_);
  }

 private:
  const Pending* pending(ValueId id) const {
    const auto it = pending_.find(id);
    return it == pending_.end() ? nullptr : &it->second;
  }

  const Shape& shape(ValueId id) const { return new_.value(id).shape; }

  ValueId new_value(const Value& like, Shape shape) {
    Value value;
    value.name = like.name;
    value.dtype = like.dtype;
    value.shape = std::move(shape);
    new_.values.push_back(std::move(value));
    return static_cast<ValueId>(new_.values.size() - 1);
  }

  // The value itself, where it was only a transposition of another so far. Others may go on to read
  // it as that, so that their order does not matter.
  void materialise(ValueId id) {
    const auto it = pending_.find(id);
    if (it == pending_.end() || it->second.is_there) return;
    new_.nodes.push_back({graph::Transpose{it->second.by}, {it->second.from}, {id}});
    it->second.is_there = true;
  }

  // A node's single result becomes a transposition of what the node makes of other operands.
  void sink(const Node& node, graph::Op op, std::vector<ValueId> inputs, const Permutation& by) {
    const ValueId result = node.outputs.front();
    const ValueId made = new_value(new_.value(result), permuted(shape(result), inverse(by)));
    new_.nodes.push_back({std::move(op), std::move(inputs), {made}});
    pending_[result] = {made, by, false};
  }

  void add(Node node) {
    if (const auto* transpose = std::get_if<graph::Transpose>(&node.op)) {
      return add_transpose(node, transpose->permutation);
    }
    const bool one = node.outputs.size() == 1 && !new_.value(node.outputs.front()).count;
    if (one && std::visit([&](const auto& op) { return try_sink(node, op); }, node.op)) return;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) materialise(id);
    }
    new_.nodes.push_back(std::move(node));
  }

  void add_transpose(const Node& node, const Permutation& by) {
    const ValueId x = node.inputs.front();
    const Pending* before = pending(x);
    Pending together{x, by, false};
    if (before != nullptr) {
      together.from = before->from;
      for (std::int64_t& axis : together.by) axis = before->by[static_cast<std::size_t>(axis)];
    }
    pending_[node.outputs.front()] = together;
    if (is_identity(together.by)) aliases(node.outputs.front(), together.from);
  }

  // A transposition that does nothing: its readers read the value itself.
  void aliases(ValueId id, ValueId of) { pending_[id] = {of, identity(shape(of).size()), false}; }

  static Permutation identity(std::size_t rank) {
    Permutation p(rank);
    std::iota(p.begin(), p.end(), 0);
    return p;
  }

  // --- What transpositions pass. Each returns whether it took the node.

  template <typename Op>
  bool try_sink(const Node& /*node*/, const Op& /*op*/) {
    return false;
  }

  bool elementwise(const Node& node) {
    const Pending* x = pending(node.inputs.front());
    if (x == nullptr) return false;
    const Permutation by = x->by;
    sink(node, node.op, {x->from}, by);
    return true;
  }
  bool try_sink(const Node& node, const graph::Unary& /*op*/) { return elementwise(node); }
  bool try_sink(const Node& node, const graph::Cast& /*op*/) { return elementwise(node); }
  bool try_sink(const Node& node, const graph::LeakyRelu& /*op*/) { return elementwise(node); }

  // Operands that broadcast: one is transposed, the others the same way, or numbers that a
  // transposition leaves as they are or that are constants.
  bool broadcast(const Node& node) {
    const std::size_t rank = shape(node.outputs.front()).size();
    std::optional<Permutation> by;
    for (const ValueId id : node.inputs) {
      const Pending* x = pending(id);
      if (x != nullptr && x->by.size() == rank && !is_identity(x->by)) by = x->by;
    }
    if (!by) return false;
    std::vector<ValueId> inputs;
    std::vector<ValueId> data;  // whose elements would have to be transposed
    for (const ValueId id : node.inputs) {
      inputs.push_back(untransposed(id, *by).value_or(kNoValue));
      if (inputs.back() == kNoValue) data.push_back(id);
    }
    // One transposition in place of another one, where those behind them are saved.
    if (data.size() > 1 ||
        (data.size() == 1 && (shape(data.front()).size() != rank ||
                              !transposed_next_[static_cast<std::size_t>(node.outputs.front())]))) {
      return false;
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != kNoValue) continue;
      materialise(data.front());
      const Permutation back = inverse(*by);
      inputs[i] = new_value(new_.value(data.front()), permuted(shape(data.front()), back));
      new_.nodes.push_back({graph::Transpose{back}, {data.front()}, {inputs[i]}});
    }
    sink(node, node.op, std::move(inputs), *by);
    return true;
  }

  bool try_sink(const Node& node, const graph::Binary& /*op*/) { return broadcast(node); }
  bool try_sink(const Node& node, const graph::Compare& /*op*/) { return broadcast(node); }
  bool try_sink(const Node& node, const graph::Select& /*op*/) { return broadcast(node); }

  // The operand that is `id` once it is transposed; nothing where there is none without another
  // transposition of data.
  std::optional<ValueId> untransposed(ValueId id, const Permutation& by) {
    const Pending* x = pending(id);
    if (x != nullptr && x->by == by) return x->from;
    if (x != nullptr && !is_identity(x->by)) return {};
    const ValueId plain = x != nullptr ? x->from : id;
    Shape dims = shape(plain);
    if (dims.size() > by.size()) return {};
    dims.insert(dims.begin(), by.size() - dims.size(), Dim(1));
    const Permutation back = inverse(by);
    // With at most one dimension beside ones, it is another shape of the same elements.
    const auto larger =
        std::count_if(dims.begin(), dims.end(), [](const Dim& size) { return size != Dim(1); });
    const Shape target = permuted(dims, back);
    if (larger <= 1 || keeps_order(dims, back)) return reshaped(plain, target);
    if (!new_.value(plain).constant) return {};
    const ValueId result = new_value(new_.value(plain), target);
    Tensor tensor = new_.value(plain).constant->dense();
    tensor.dims = graph::evaluate(dims, {});
    new_.value(result).constant = permuted_copy(tensor, back);
    return result;
  }

  // Whether dimensions that are not 1 keep their order.
  static bool keeps_order(const Shape& dims, const Permutation& by) {
    std::int64_t last = -1;
    for (const std::int64_t axis : by) {
      if (dims[static_cast<std::size_t>(axis)] == Dim(1)) continue;
      if (axis < last) return false;
      last = axis;
    }
    return true;
  }

  ValueId reshaped(ValueId id, const Shape& target) {
    if (shape(id) == target) return id;
    // A constant's elements as they are.
    if (new_.value(id).constant) {
      const ValueId constant = new_value(new_.value(id), target);
      Tensor tensor = *new_.value(id).constant;
      tensor.dims = graph::evaluate(target, {});
      new_.value(constant).constant = std::move(tensor);
      return constant;
    }
    const ValueId result = new_value(new_.value(id), target);
    new_.nodes.push_back({graph::Reshape{target}, {id}, {result}});
    return result;
  }

  bool try_sink(const Node& node, const graph::Concat& op) {
    const Pending* first = pending(node.inputs.front());
    if (first == nullptr) return false;
    const Permutation by = first->by;
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
      const Pending* x = pending(id);
      if (x == nullptr || x->by != by) return false;
      inputs.push_back(x->from);
    }
    sink(node, graph::Concat{by[static_cast<std::size_t>(op.axis)]}, std::move(inputs), by);
    return true;
  }

  template <typename Op>
  bool along_axis(const Node& node, Op op) {
    const Pending* x = pending(node.inputs.front());
    if (x == nullptr) return false;
    const Permutation by = x->by;
    op.axis = by[static_cast<std::size_t>(op.axis)];
    sink(node, op, {x->from}, by);
    return true;
  }
  bool try_sink(const Node& node, const graph::Slice& op) { return along_axis(node, op); }
  bool try_sink(const Node& node, const graph::Softmax& op) { return along_axis(node, op); }

  bool try_sink(const Node& node, const graph::Pad& op) {
    const Pending* x = pending(node.inputs.front());
    if (x == nullptr) return false;
    const Permutation by = x->by;
    const Permutation back = inverse(by);
    sink(node, graph::Pad{permuted(op.before, back), permuted(op.after, back), op.value}, {x->from},
         by);
    return true;
  }

  bool try_sink(const Node& node, graph::Reduce op) {
    const Pending* x = pending(node.inputs.front());
    if (x == nullptr) return false;
    const Permutation by = x->by;
    for (std::int64_t& axis : op.axes) axis = by[static_cast<std::size_t>(axis)];
    std::sort(op.axes.begin(), op.axes.end());
    if (op.keep) {
      sink(node, op, {x->from}, by);
      return true;
    }
    // What is left of the permutation, with the axes counted without those that went.
    Permutation rest;
    for (const std::int64_t axis : by) {
      if (std::binary_search(op.axes.begin(), op.axes.end(), axis)) continue;
      rest.push_back(axis -
                     (std::lower_bound(op.axes.begin(), op.axes.end(), axis) - op.axes.begin()));
    }
    sink(node, op, {x->from}, rest);
    return true;
  }

  // A reshape that divides or merges dimensions, or puts ones between them, does so before the
  // transposition as well, unless it merges what stands apart or in another order there.
  bool try_sink(const Node& node, const graph::Reshape& op) {
    const Pending* x = pending(node.inputs.front());
    if (x == nullptr) return false;
    const auto groups = regrouped(shape(node.inputs.front()), op.shape);
    if (!groups) return false;
    const Permutation by = x->by;
    const Permutation back = inverse(by);
    Shape before;
    std::vector<std::int64_t> place(op.shape.size(), 0);
    for (std::size_t axis = 0; axis < back.size();) {
      const auto dim = static_cast<std::size_t>(back[axis]);
      const auto group = std::find_if(groups->begin(), groups->end(),
                                      [&](const Group& g) { return g.from == dim; });
      if (group == groups->end()) return false;
      for (std::size_t k = 0; k < group->merged; ++k, ++axis) {
        if (axis == back.size() || back[axis] != static_cast<std::int64_t>(dim + k)) return false;
      }
      for (std::size_t i = group->to; i < group->end; ++i) {
        place[i] = static_cast<std::int64_t>(before.size());
        before.push_back(op.shape[i]);
      }
    }
    sink(node, graph::Reshape{before}, {x->from}, place);
    return true;
  }

  // Few channels fill no vectors: the image of each is resized by itself, as it lies.
  bool try_sink(const Node& node, const graph::Resize& op) {
    const Pending* x = pending(node.inputs.front());
    const Permutation channels_last{0, 2, 3, 1};
    if (x == nullptr || x->by != channels_last) return false;
    const Shape from = shape(x->from);
    if (!from[1].is_constant() || from[1].constant() > kFewChannels) return false;
    const Shape images{from[0] * from[1], from[2], from[3], 1};
    const Shape resized{images[0], op.height, op.width, 1};
    const ValueId result = node.outputs.front();
    const ValueId y = new_value(new_.value(result), resized);
    new_.nodes.push_back({op, {reshaped(x->from, images)}, {y}});
    sink(node, graph::Reshape{{from[0], from[1], op.height, op.width}}, {y}, channels_last);
    return true;
  }

  // Dimensions from `from` on, of which one becomes several or several one: [to, end).
  struct Group {
    std::size_t from = 0;
    std::size_t merged = 1;
    std::size_t to = 0;
    std::size_t end = 0;
  };

  // Nothing where a dimension is neither divided nor part of one.
  static std::optional<std::vector<Group>> regrouped(const Shape& from, const Shape& to) {
    std::vector<Group> groups;
    std::size_t at = 0;
    for (std::size_t i = 0; i < from.size(); i += groups.back().merged) {
      Group group{.from = i, .to = at, .end = at};
      Dim size = 1;
      while (group.end < to.size() && size != from[i]) size = size * to[group.end++];
      if (size != from[i]) {
        if (at == to.size()) return {};
        group.end = at + 1;
        for (size = from[i]; size != to[at]; ++group.merged) {
          if (i + group.merged == from.size()) return {};
          size = size * from[i + group.merged];
        }
      }
      // A dimension of 1 that stands here is this one's, if it has none yet.
      const bool is_one = group.end == at && from[i] == Dim(1);
      if (is_one && at < to.size() && to[at] == Dim(1)) ++group.end;
      at = group.end;
      groups.push_back(group);
    }
    for (; at < to.size(); ++at) {
      if (to[at] != Dim(1) || groups.empty()) return {};
      groups.back().end = at + 1;
    }
    return groups;
  }

  Graph old_;
  Graph new_;
  std::vector<bool> transposed_next_;
  std::map<ValueId, Pending> pending_;
};

// Transpositions that do nothing leave their readers, and the outputs, the value that they are of.
Graph without_identities(Graph graph) {
  std::map<ValueId, ValueId> same;
  std::set<ValueId> made;
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      const auto it = same.find(id);
      if (it != same.end()) id = it->second;
    }
    const auto* transpose = std::get_if<graph::Transpose>(&node.op);
    const ValueId result = node.outputs.front();
    const ValueId x = node.inputs.front();
    const auto output = std::find(graph.outputs.begin(), graph.outputs.end(), result);
    const bool is_output = output != graph.outputs.end();
    // An output is a value of its own.
    const bool may_stand =
        !is_output || (made.count(x) > 0 && std::find(graph.outputs.begin(), graph.outputs.end(),
                                                      x) == graph.outputs.end());
    if (transpose != nullptr && is_identity(transpose->permutation) && may_stand) {
      same[result] = x;
      if (is_output) {
        *output = x;
        graph.value(x).name = graph.value(result).name;
        graph.value(x).count = graph.value(result).count;
      }
      continue;
    }
    // Not what is another shape of a value: that may be an output as well.
    if (!std::holds_alternative<graph::Reshape>(node.op)) {
      made.insert(node.outputs.begin(), node.outputs.end());
    }
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace

Graph sink_transposes(Graph graph, const PassContext& /*context*/) {
  return without_identities(Sinker(std::move(graph)).run());
}

}  // namespace lasso::passes
