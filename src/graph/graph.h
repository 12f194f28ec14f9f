// Programs as typed SSA graphs: every value is made once, by an input, a constant or a node, and
// nodes stand in an order in which they can run.
#ifndef LASSO_GRAPH_GRAPH_H_
#define LASSO_GRAPH_GRAPH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/dim.h"
#include "graph/op.h"
#include "graph/profile.h"

namespace lasso::graph {

using ValueId = std::int32_t;
constexpr ValueId kNoValue = -1;  // an absent optional input

struct Value {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  // Its bytes may have another float type than `dtype` (float16 weights).
  std::optional<Tensor> constant;
  // Where how much there is depends on the data (what survives a threshold), the shape is a
  // capacity, and this int32 value the number of entries that count at run time: with shape [] of
  // the first dimension, with the shape of the first n dimensions of the next one, for each of
  // their entries.
  std::optional<ValueId> count;
};

struct Node {
  Op op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

struct Graph;

// Symbols that no input has in a dimension. Before a program is bound to sizes, a small graph
// computes their values on the host, from values or sizes of inputs (graph/computed_sizes.h).
struct ComputedSizes {
  std::vector<std::string> symbols;
  // Its inputs are the program's, and its one output is int32 with an element for each symbol. Its
  // constants hold their data. Null where there are no symbols.
  std::shared_ptr<const Graph> graph;
};

struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  // What symbols usually stand for: kernels are chosen and costs are stated for these sizes.
  Bindings typical;
  Profile profile;  // what they may stand for
  ComputedSizes computed;

  const Value& value(ValueId id) const { return values.at(static_cast<std::size_t>(id)); }
  Value& value(ValueId id) { return values.at(static_cast<std::size_t>(id)); }
};

// Work that is the same for many runs of a program: what it computes from the named inputs, and
// from no others, is to become the program `name`, whose results the rest reads (passes/hoist.cc).
struct Split {
  std::string program;
  std::string name;
  std::vector<std::string> inputs;
};

// What one model consists of. Programs share constants: the same Tensor stands in several graphs.
struct Module {
  std::vector<Graph> programs;
  std::vector<Split> splits;  // that are still to be done
};

// How often each value is used: as an input of a node, an output of the program, or a count.
std::vector<std::int32_t> use_counts(const Graph& graph);

// The symbols of which a dimension of an input is a multiple (graph/multiple.h), in order of
// appearance, and behind them the computed ones: the binding key.
std::vector<std::string> symbols(const Graph& graph);

// Throws kInternal, naming program and value, unless the graph is well-formed: ids in range, single
// assignment, definitions before uses, shapes and types as inference gives them, counts beside what
// they count, every symbol bound by an input or computed by a small graph. Throws kInvalidArgument
// for a profile that is none.
void verify(const Graph& graph);

// The size of every symbol: the profile's least, and what is typical of it, the profile's opt where
// the graph does not say.
Bindings least_sizes(const Graph& graph);
Bindings typical_sizes(const Graph& graph);

// The first dimension that sizes of the profile may make smaller than 1, as "dimension rows - 2 in
// \"x\""; empty if there is none: then every binding leaves every value at least one element.
std::string empty_dimension(const Graph& graph);

// Throws kInvalidArgument, naming program and value, for a slice that reaches beyond its input at
// these sizes.
void check_slices(const Graph& graph, const Bindings& bindings);

// Readable text, one line per node.
std::string to_string(const Graph& graph);

// The types and shapes of a node's results by the op's rule; throws kInvalidArgument with the op,
// the shapes seen and what was expected.
Results infer(const Op& op, const std::vector<const Value*>& inputs);

// Floating-point operations (a multiply-add counts two) of a node at the given binding.
double flops(const Graph& graph, const Node& node, const Bindings& bindings);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_GRAPH_H_
