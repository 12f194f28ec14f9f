#include "core/check.h"
#include "passes/pass.h"

namespace lasso::passes {

const std::vector<Pass>& pipeline() {
  static const std::vector<Pass> passes{
      // A fusion leaves the merged node behind, whose reads would hide other single uses.
      {"fuse_activation", fuse_activation},
      {"eliminate_dead", eliminate_dead},
      // Behind the activation, which stands before the sum in a linear layer.
      {"fuse_residual", fuse_residual},
      {"eliminate_dead", eliminate_dead},
  };
  return passes;
}

graph::Graph optimize(graph::Graph graph) {
  graph::verify(graph);
  for (const Pass& pass : pipeline()) {
    graph = pass.run(std::move(graph));
    try {
      graph::verify(graph);
    } catch (const Error& error) {
      fail(ErrorCode::kInternal, "after pass {}: {}", pass.name, error.what());
    }
  }
  return graph;
}

}  // namespace lasso::passes
