// Passes: each rewrites a graph into a graph that computes the same outputs.
#ifndef LASSO_PASSES_PASS_H_
#define LASSO_PASSES_PASS_H_

#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "passes/lower_precision.h"

namespace lasso::passes {

struct Pass {
  std::string_view name;
  graph::Graph (*run)(graph::Graph graph);
};

// The passes in the order in which they run (pipeline.cc).
const std::vector<Pass>& pipeline();

// Runs the pipeline and then lowers the precision; the graph is verified after every pass, and an
// error names the pass.
graph::Graph optimize(graph::Graph graph, const PrecisionPlan& precision = {});

// activation(op(...)) where nothing else reads op's result: the activation becomes an attribute of
// op.
graph::Graph fuse_activation(graph::Graph graph);
// linear(...) + r where nothing else reads linear's result: r becomes the residual input of the
// linear.
graph::Graph fuse_residual(graph::Graph graph);
// Removes nodes and constants that no output needs.
graph::Graph eliminate_dead(graph::Graph graph);

}  // namespace lasso::passes

#endif  // LASSO_PASSES_PASS_H_
