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

namespace {

void verify_after(std::string_view pass, const graph::Graph& graph) {
  try {
    graph::verify(graph);
  } catch (const Error& error) {
    fail(ErrorCode::kInternal, "after pass {}: {}", pass, error.what());
  }
}

}  // namespace

graph::Graph optimize(graph::Graph graph, const PrecisionPlan& precision) {
  graph::verify(graph);
  for (const Pass& pass : pipeline()) {
    graph = pass.run(std::move(graph));
    verify_after(pass.name, graph);
  }
  // Behind the fusions, which know float32 alone.
  graph = lower_precision(std::move(graph), precision);
  verify_after("lower_precision", graph);
  graph = eliminate_dead(std::move(graph));
  verify_after("eliminate_dead", graph);
  return graph;
}

}  // namespace lasso::passes
