// Work that is the same for every run of a program, as a program of its own.
#ifndef LASSO_PASSES_HOIST_H_
#define LASSO_PASSES_HOIST_H_

#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::passes {

// Moves all nodes that depend on the named inputs, and on no others, out of `graph` into the
// program that is returned. Its inputs are those of them that it reads; its outputs, those of its
// values that `graph` still reads, stand first among the inputs of `graph`, in the same order. An
// input that `graph` no longer reads is not its input any more.
graph::Graph hoist(graph::Graph& graph, const std::string& name,
                   const std::vector<std::string>& inputs);

}  // namespace lasso::passes

#endif  // LASSO_PASSES_HOIST_H_
