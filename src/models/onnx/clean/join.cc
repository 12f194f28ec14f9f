// Nodes that can be joined with their neighbours.
#include <algorithm>
#include <set>
#include <utility>

#include "models/onnx/clean/clean_graph.h"

namespace lasso::onnx {

namespace {

using Numbers = std::vector<std::int64_t>;

const Numbers* numbers_of(const OnnxNode& node, const char* attribute) {
  const OnnxAttribute* found = node.find_attribute(attribute);
  return found == nullptr ? nullptr : std::get_if<Numbers>(&found->value);
}

class Joining {
 public:
  explicit Joining(CleanGraph& graph) : graph_(graph) { graph.count(); }

  bool run() {
    bool changed = false;
    for (OnnxNode& node : graph_.nodes()) {
      if (!graph_.is_known(node)) continue;
      changed = reshape(node) || transpose(node) || slice(node) || gather(node) || concat(node) ||
                changed;
    }
    return changed;
  }

 private:
  const OnnxNode* known_producer(const std::string& name) {
    const OnnxNode* producer = graph_.producer(name);
    return producer != nullptr && graph_.is_known(*producer) ? producer : nullptr;
  }
  // What makes an input that nobody else takes.
  const OnnxNode* source(const OnnxNode& node, std::size_t input = 0) {
    if (input >= node.inputs.size() || graph_.uses(node.inputs[input]) != 1) return nullptr;
    return known_producer(node.inputs[input]);
  }

  // A change of shape of a changed shape.
  bool reshape(OnnxNode& node) {
    if (!is_reshape(node)) return false;
    const OnnxNode* before = source(node);
    return before != nullptr && is_reshape(*before) && graph_.set_reshape(node, before->inputs[0]);
  }

  bool transpose(OnnxNode& node) {
    if (!is(node, "Transpose")) return false;
    const OnnxNode* before = source(node);
    if (before == nullptr || !is(*before, "Transpose")) return false;
    const Numbers* outer = numbers_of(node, "perm");
    const Numbers* inner = numbers_of(*before, "perm");
    if (outer == nullptr || inner == nullptr || outer->size() != inner->size()) return false;
    Numbers joined;
    for (const std::int64_t axis : *outer) {
      joined.push_back((*inner)[static_cast<std::size_t>(axis)]);
    }
    node.attributes.front().value = std::move(joined);
    node.inputs[0] = before->inputs[0];
    return true;
  }

  // Slices of different axes by numbers.
  bool slice(OnnxNode& node) {
    if (!is(node, "Slice")) return false;
    const OnnxNode* before = source(node);
    if (before == nullptr || !is(*before, "Slice")) return false;
    const auto outer = parts_of(node);
    auto joined = parts_of(*before);
    if (!outer || !joined) return false;
    for (std::size_t i = 0; i < joined->size(); ++i) {
      (*joined)[i].insert((*joined)[i].end(), (*outer)[i].begin(), (*outer)[i].end());
    }
    const Numbers& axes = (*joined)[2];
    if (std::set<std::int64_t>(axes.begin(), axes.end()).size() != axes.size()) return false;
    node.inputs = {before->inputs[0]};
    for (const Numbers& part : *joined) node.inputs.push_back(graph_.add_integers(part));
    return true;
  }

  // Starts, ends, axes and steps of a slice whose axes count from the first.
  std::optional<std::vector<Numbers>> parts_of(const OnnxNode& node) {
    const graph::Shape* shape = graph_.shape(node.inputs[0]);
    if (shape == nullptr || node.inputs.size() < 4 || node.inputs[3].empty()) return {};
    std::vector<Numbers> parts;
    for (std::size_t i = 1; i < 4; ++i) {
      const auto values = graph_.integers(node.inputs[i]);
      if (!values) return {};
      parts.push_back(*values);
    }
    for (std::int64_t& axis : parts[2]) {
      if (axis < 0) axis += static_cast<std::int64_t>(shape->size());
    }
    const bool has_steps = node.inputs.size() > 4 && !node.inputs[4].empty();
    const auto steps = has_steps ? graph_.integers(node.inputs[4]) : Numbers(parts[0].size(), 1);
    if (!steps) return {};
    parts.push_back(*steps);
    return parts;
  }

  // One element of a vector as a scalar, made a vector of one element.
  struct Element {
    std::string vector;
    std::int64_t index = 0;
  };
  std::optional<Element> element_of(const OnnxNode& gather) {
    if (!is(gather, "Gather") || integer_attribute(gather, "axis", 0) != 0) return {};
    const graph::Shape* from = graph_.shape(gather.inputs[0]);
    const graph::Shape* at = graph_.shape(gather.inputs[1]);
    const auto index = graph_.integers(gather.inputs[1]);
    if (from == nullptr || from->size() != 1 || at == nullptr || !index || index->size() != 1) {
      return {};
    }
    return Element{gather.inputs[0], index->front()};
  }

  bool gather(OnnxNode& node) {
    if (!is(node, "Unsqueeze") && !is(node, "Reshape")) return false;
    const OnnxNode* before = source(node);
    const auto element = before == nullptr ? std::nullopt : element_of(*before);
    const graph::Shape* to = graph_.shape(node.outputs[0]);
    if (!element || to == nullptr || *to != graph::Shape{1}) return false;
    node.op_type = "Gather";
    node.attributes = before->attributes;
    node.inputs = {element->vector, graph_.add_integers({element->index})};
    return true;
  }

  // All elements of a vector in their order are the vector, and parts of a part are parts.
  bool concat(OnnxNode& node) {
    if (!is(node, "Concat")) return false;
    return whole_vector(node) || nested(node);
  }

  bool whole_vector(OnnxNode& node) {
    std::string vector;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const OnnxNode* gather = known_producer(node.inputs[i]);
      const auto element = gather == nullptr ? std::nullopt : element_of(*gather);
      const graph::Shape* shape = graph_.shape(node.inputs[i]);
      if (!element || shape == nullptr || *shape != graph::Shape{1}) return false;
      if (element->index != static_cast<std::int64_t>(i)) return false;
      if (i > 0 && element->vector != vector) return false;
      vector = element->vector;
    }
    const graph::Shape* shape = graph_.shape(vector);
    if (shape == nullptr || *shape != graph::Shape{static_cast<std::int64_t>(node.inputs.size())}) {
      return false;
    }
    node.op_type = "Identity";
    node.attributes.clear();
    node.inputs = {vector};
    return true;
  }

  bool nested(OnnxNode& node) {
    std::vector<std::string> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const OnnxNode* before = source(node, i);
      if (before != nullptr && is(*before, "Concat") &&
          integer_attribute(*before, "axis", 0) == integer_attribute(node, "axis", 0)) {
        inputs.insert(inputs.end(), before->inputs.begin(), before->inputs.end());
      } else {
        inputs.push_back(node.inputs[i]);
      }
    }
    const bool changed = inputs.size() > node.inputs.size();
    node.inputs = std::move(inputs);
    return changed;
  }

  CleanGraph& graph_;
};

}  // namespace

bool join_nodes(CleanGraph& graph) { return Joining(graph).run(); }

}  // namespace lasso::onnx
