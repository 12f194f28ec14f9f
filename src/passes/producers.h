// Which node makes each value.
#ifndef LASSO_PASSES_PRODUCERS_H_
#define LASSO_PASSES_PRODUCERS_H_

#include <cstddef>
#include <vector>

#include "graph/graph.h"

namespace lasso::passes {

constexpr std::size_t kNoNode = static_cast<std::size_t>(-1);

// For each value the index of its node; kNoNode for inputs and constants.
inline std::vector<std::size_t> producers(const graph::Graph& graph) {
  std::vector<std::size_t> result(graph.values.size(), kNoNode);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const graph::ValueId id : graph.nodes[i].outputs) {
      result[static_cast<std::size_t>(id)] = i;
    }
  }
  return result;
}

}  // namespace lasso::passes

#endif  // LASSO_PASSES_PRODUCERS_H_
