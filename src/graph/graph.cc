#include "graph/graph.h"

#include <algorithm>

#include "graph/multiple.h"

namespace lasso::graph {

std::vector<std::int32_t> use_counts(const Graph& graph) {
  std::vector<std::int32_t> counts(graph.values.size(), 0);
  const auto use = [&](ValueId id) {
    if (id != kNoValue) ++counts[static_cast<std::size_t>(id)];
  };
  for (const Node& node : graph.nodes) std::for_each(node.inputs.begin(), node.inputs.end(), use);
  std::for_each(graph.outputs.begin(), graph.outputs.end(), use);
  for (const Value& value : graph.values) {
    if (value.count) use(*value.count);
  }
  return counts;
}

std::vector<std::string> symbols(const Graph& graph) {
  std::vector<std::string> names;
  for (const ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).shape) {
      const auto size = as_multiple(dim);
      if (size && std::find(names.begin(), names.end(), size->symbol) == names.end()) {
        names.push_back(size->symbol);
      }
    }
  }
  for (const std::string& symbol : graph.computed.symbols) names.push_back(symbol);
  return names;
}

}  // namespace lasso::graph
