#include <fmt/format.h>

#include "graph/graph.h"

namespace lasso::graph {

namespace {

std::string reference(const Graph& graph, ValueId id) {
  if (id == kNoValue) return "none";
  const Value& value = graph.value(id);
  return (value.constant ? "@" : "%") + value.name;
}

}  // namespace

std::string to_string(const Graph& graph) {
  std::string text = fmt::format("program {}\n", graph.name);
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    text += fmt::format("  input  %{}: {} {}\n", value.name, to_string(value.dtype),
                        to_string(value.shape));
  }
  for (const Node& node : graph.nodes) {
    const Value& result = graph.value(node.outputs.front());
    std::string inputs;
    for (const ValueId id : node.inputs) {
      if (!inputs.empty()) inputs += ", ";
      inputs += reference(graph, id);
    }
    const std::string shown = attributes(node.op);
    text += fmt::format("  %{}: {} {} = {}({}){}\n", result.name, to_string(result.dtype),
                        to_string(result.shape), op_name(node.op), inputs,
                        shown.empty() ? "" : " {" + shown + "}");
  }
  for (const ValueId id : graph.outputs) {
    text += fmt::format("  output {}\n", reference(graph, id));
  }
  return text;
}

}  // namespace lasso::graph
