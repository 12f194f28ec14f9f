// Nodes that do nothing, that are there twice, or that can be joined with their neighbours.
#include <algorithm>
#include <cstring>
#include <utility>

#include "models/onnx/clean/clean_graph.h"
#include "models/onnx/import/node_context.h"

namespace lasso::onnx {

namespace {

bool all_equal(const std::optional<std::vector<std::int64_t>>& values, std::int64_t value) {
  return values &&
         std::all_of(values->begin(), values->end(), [&](std::int64_t x) { return x == value; });
}

// Whether all of a constant's elements are that number.
bool is_constant(const CleanGraph& graph, const std::string& name, std::int64_t value) {
  if (const auto integers = graph.integers(name)) return all_equal(integers, value);
  const auto tensor = graph.constant(name);
  if (!tensor || tensor->data_type != OnnxDataType::kFloat32) return false;
  for (std::size_t i = 0; i < tensor->bytes; i += sizeof(float)) {
    float element = 0;
    std::memcpy(&element, tensor->data + i, sizeof(element));
    if (element != static_cast<float>(value)) return false;
  }
  return true;
}

bool is_identity(const OnnxNode& node) {
  const OnnxAttribute* perm = node.find_attribute("perm");
  const auto* axes =
      perm == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(&perm->value);
  return axes != nullptr && std::is_sorted(axes->begin(), axes->end());
}

// The input that a calculation with a neutral number gives.
std::optional<std::size_t> neutral(const CleanGraph& graph, const OnnxNode& node) {
  if (node.inputs.size() != 2 || !node.domain.empty()) return {};
  const bool sum = node.op_type == "Add" || node.op_type == "Sub";
  const bool product = node.op_type == "Mul" || node.op_type == "Div" || node.op_type == "Pow";
  if (!sum && !product) return {};
  const std::int64_t value = sum ? 0 : 1;
  if (is_constant(graph, node.inputs[1], value)) return 0;
  const bool commutes = node.op_type == "Add" || node.op_type == "Mul";
  if (commutes && is_constant(graph, node.inputs[0], value)) return 1;
  return {};
}

// The input that the node's first result equals, whatever runs; the shapes and types are compared
// by who asks.
std::optional<std::size_t> candidate(const CleanGraph& graph, const OnnxNode& node) {
  if (!node.domain.empty() || node.inputs.empty()) return {};
  const std::string& op = node.op_type;
  const auto has = [&](std::size_t i) { return i < node.inputs.size() && !node.inputs[i].empty(); };
  for (const char* one : {"Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"}) {
    if (op == one) return 0;
  }
  for (const char* one : {"Concat", "Sum", "Max", "Min", "Mean"}) {
    if (op == one && node.inputs.size() == 1) return 0;
  }
  if (op == "Dropout") {
    return !has(2) || all_equal(graph.integers(node.inputs[2]), 0) ? std::optional<std::size_t>(0)
                                                                   : std::nullopt;
  }
  if (op == "Transpose" && is_identity(node)) return 0;
  if (op == "Split" && node.outputs.size() == 1) return 0;
  if (op == "Slice" && node.inputs.size() >= 3) {
    return !has(4) || all_equal(graph.integers(node.inputs[4]), 1) ? std::optional<std::size_t>(0)
                                                                   : std::nullopt;
  }
  if (op == "Pad" && has(1) && all_equal(graph.integers(node.inputs[1]), 0)) return 0;
  if (op == "Tile" && has(1) && all_equal(graph.integers(node.inputs[1]), 1)) return 0;
  return neutral(graph, node);
}

std::optional<std::size_t> same_as(const CleanGraph& graph, const OnnxNode& node) {
  if (is(node, "Identity") && node.inputs.size() == 1 && !node.inputs[0].empty()) return 0;
  if (!graph.is_known(node)) return {};
  const auto input = candidate(graph, node);
  if (!input) return {};
  const Operand* from = graph.find(node.inputs[*input]);
  const Operand* to = graph.find(node.outputs.front());
  const bool same =
      from != nullptr && to != nullptr && from->type == to->type && from->shape == to->shape;
  return same ? input : std::nullopt;
}

bool only_first_is_used(const CleanGraph& graph, const OnnxNode& node) {
  return std::all_of(node.outputs.begin() + 1, node.outputs.end(), [&](const std::string& name) {
    return name.empty() || graph.uses(name) == 0;
  });
}

}  // namespace

bool remove_nodes_that_do_nothing(CleanGraph& graph) {
  graph.count();
  std::map<std::string, std::string> names;
  const auto now = [&](std::string name) {
    for (auto it = names.find(name); it != names.end(); it = names.find(name)) name = it->second;
    return name;
  };
  std::vector<bool> gone(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const OnnxNode& node = graph.nodes()[i];
    const auto input = same_as(graph, node);
    if (!input || !only_first_is_used(graph, node)) continue;
    const std::string& result = node.outputs.front();
    const std::string source = now(node.inputs[*input]);
    if (!graph.is_output(result)) {
      names[result] = source;
      gone[i] = true;
      continue;
    }
    // The node before gives the output, where that is free to.
    OnnxNode* producer = graph.producer(source);
    if (producer == nullptr || graph.is_output(source)) continue;
    std::replace(producer->outputs.begin(), producer->outputs.end(), source, result);
    names[source] = result;
    gone[i] = true;
  }
  if (names.empty()) return false;
  std::vector<OnnxNode> kept;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (!gone[i]) kept.push_back(std::move(graph.nodes()[i]));
  }
  graph.nodes() = std::move(kept);
  graph.rename(names);
  return true;
}

bool remove_duplicates(CleanGraph& graph) {
  std::map<std::string, std::string> names;
  std::map<std::string, std::vector<const OnnxNode*>> seen;  // by operator and inputs
  std::map<std::string, std::string> sizes;                  // by what they say
  for (OnnxNode& node : graph.nodes()) {
    for (std::string& name : node.inputs) {
      const auto it = names.find(name);
      if (it != names.end()) name = it->second;
    }
    const bool output = std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [&](const std::string& name) { return graph.is_output(name); });
    if (node.outputs.size() == 1 && !output) {
      const Operand* operand = graph.find(node.outputs[0]);
      if (operand != nullptr && operand->integers != nullptr) {
        std::string key(to_string(operand->type));
        key += to_string(operand->integers->dims);
        for (const graph::Dim& value : operand->integers->values) key += to_string(value) + ",";
        const auto [it, is_new] = sizes.emplace(key, node.outputs[0]);
        if (!is_new) {
          names[node.outputs[0]] = it->second;
          continue;
        }
      }
    }
    if (find_operator(node.domain, node.op_type) == nullptr) continue;
    std::string key = node.domain + ":" + node.op_type;
    for (const std::string& name : node.inputs) key += "\n" + name;
    auto& others = seen[key];
    const auto same = std::find_if(others.begin(), others.end(), [&](const OnnxNode* other) {
      return other->outputs.size() == node.outputs.size() && same_attributes(*other, node);
    });
    if (same == others.end()) {
      others.push_back(&node);
    } else if (!output) {
      const std::vector<std::string>& own = node.outputs;
      const std::vector<std::string>& first = (*same)->outputs;
      // A result that the other one leaves out keeps the node, and all of its results.
      bool has_all = true;
      for (std::size_t i = 0; i < own.size(); ++i) {
        has_all = has_all && (own[i].empty() || !first[i].empty());
      }
      for (std::size_t i = 0; has_all && i < own.size(); ++i) {
        if (!own[i].empty()) names[own[i]] = first[i];
      }
    }
  }
  graph.rename(names);
  return !names.empty();
}

}  // namespace lasso::onnx
