// What may compute the sizes of a run (ComputedSizes): a few small tensors, so that it takes no
// time that matters, whoever wrote it.
#ifndef LASSO_GRAPH_COMPUTED_SIZES_H_
#define LASSO_GRAPH_COMPUTED_SIZES_H_

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace lasso::graph {

// The most elements of a tensor that sizes are computed from, nodes that compute them, and
// operations of all of these together.
inline constexpr std::int64_t kMostSizeElements = 4096;
inline constexpr std::size_t kMostSizeNodes = 512;
inline constexpr double kMostSizeFlops = 1e6;
inline constexpr std::size_t kMostComputedSymbols = 32;

// By input of a graph that computes sizes, whether its values are read. Sizes nodes read what the
// symbols of an input's shape stand for, and no values.
std::vector<bool> reads_values(const Graph& sizes);

// Whether a value is of a number of elements that is known and small.
bool is_small(const Value& value);

// Whether an operation's attributes have symbols.
bool has_symbols(const Op& op);

// What a node takes: what moves elements counts as well.
double work_of(const Graph& graph, const Node& node);

// Throws kInternal unless the program's computed symbols are those of a small graph with the
// program's inputs and one output, int32 [symbols].
void check_computed_sizes(const Graph& program);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_COMPUTED_SIZES_H_
