#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/graph.h"

namespace lasso::graph {

namespace {

std::string reference(const Graph& graph, ValueId id) {
  if (id == kNoValue) return "none";
  const Value& value = graph.value(id);
  return (value.constant ? "@" : "%") + value.name;
}

// "%boxes: float32 [300, 4] count=%kept"
std::string declaration(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  std::string text =
      fmt::format("%{}: {} {}", value.name, to_string(value.dtype), to_string(value.shape));
  if (value.count) text += fmt::format(" count={}", reference(graph, *value.count));
  return text;
}

template <typename F>
std::string list(const std::vector<ValueId>& ids, const F& text_of) {
  std::string text;
  for (const ValueId id : ids) {
    if (!text.empty()) text += ", ";
    text += text_of(id);
  }
  return text;
}

}  // namespace

std::string to_string(const Graph& graph) {
  std::string text = fmt::format("program {}\n", graph.name);
  for (const ValueId id : graph.inputs) {
    text += fmt::format("  input  {}\n", declaration(graph, id));
  }
  for (const Node& node : graph.nodes) {
    const std::string results =
        list(node.outputs, [&](ValueId id) { return declaration(graph, id); });
    const std::string inputs = list(node.inputs, [&](ValueId id) { return reference(graph, id); });
    const std::string shown = attributes(node.op);
    text += fmt::format("  {} = {}({}){}\n", results, op_name(node.op), inputs,
                        shown.empty() ? "" : " {" + shown + "}");
  }
  for (const ValueId id : graph.outputs) {
    text += fmt::format("  output {}\n", reference(graph, id));
  }
  if (graph.computed.graph != nullptr) {
    text += fmt::format("  sizes  {}\n{}", fmt::join(graph.computed.symbols, ", "),
                        to_string(*graph.computed.graph));
  }
  return text;
}

}  // namespace lasso::graph
