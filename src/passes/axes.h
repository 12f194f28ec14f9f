// Where the elements of a value come from: reshapes, transpositions and parts of a value are
// followed back to it, as one view of it. Two ways to write the same view compare equal.
#ifndef LASSO_PASSES_AXES_H_
#define LASSO_PASSES_AXES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "passes/expansion.h"
#include "passes/match.h"

namespace lasso::passes {

// Dimensions consist of axes, outermost first; one of size 1 has none. An axis that a reshape
// divides becomes two, in all views at once.
using Axis = std::int32_t;
using Axes = std::vector<Axis>;

struct View {
  graph::ValueId root = graph::kNoValue;  // whose elements these are
  std::vector<Axes> dims;                 // of each dimension the root's axes
  // Where a part was taken of the root: axes that stand still, and where.
  std::vector<std::pair<Axis, std::int64_t>> fixed;
  float factor = 1.0F;  // by which the root's elements are multiplied
};

class AxisTracer {
 public:
  struct Options {
    bool parts = true;    // follow slices of whole parts
    bool factors = true;  // follow products with a number
  };

  // The graph must outlive the tracer and keep its nodes.
  AxisTracer(const graph::Graph& graph, Options options);
  explicit AxisTracer(const graph::Graph& graph) : AxisTracer(graph, Options{}) {}
  virtual ~AxisTracer() = default;
  AxisTracer(const AxisTracer&) = delete;
  AxisTracer& operator=(const AxisTracer&) = delete;

  // By value: axes may be divided while it is used. Nodes are followed in their order, so that no
  // chain of them is too long.
  View trace(graph::ValueId id);
  // The view of a value of its own elements.
  View root(graph::ValueId id);

  const Matcher& match() const { return match_; }
  const graph::Graph& graph() const { return graph_; }

  // The axes that axes consist of now.
  Axes leaves(const Axes& axes) const;
  Axes leaves(const std::vector<Axes>& dims) const;
  const graph::Dim& size(Axis axis) const { return axes_[static_cast<std::size_t>(axis)].size; }
  graph::Dim size(const Axes& axes) const;
  bool same(const Axes& a, const Axes& b) const { return leaves(a) == leaves(b); }
  // The axes as dimensions of these sizes; nothing where they do not fall together.
  std::optional<std::vector<Axes>> grouped(const Axes& axes, const graph::Shape& shape);

 protected:
  // The view of a node's only result; nothing where the node makes elements of its own.
  virtual std::optional<View> through(const graph::Node& node);
  Axis new_axis(graph::Dim size);

 private:
  struct Part {
    graph::Dim size;
    Axis outer = -1;  // and the axis inside of it; -1: not divided
    Axis inner = -1;
  };

  std::optional<View> through_slice(const graph::Node& node, const graph::Slice& op);
  std::optional<View> through_product(const graph::Node& node, const graph::Binary& op);
  // Moves axes of that size from the front of `axes`.
  std::optional<Axes> take(Axes& axes, const graph::Dim& size);

  const graph::Graph& graph_;
  Matcher match_;
  Options options_;
  std::vector<Part> axes_;
  std::vector<View> views_;  // by value; without a root: none yet
  std::size_t next_ = 0;     // node whose result has none
};

// Writes the nodes that make of a view's root a value whose dimensions have these axes, which are
// all that stand in the view; without the view's factor.
graph::ValueId write_view(Expansion& e, const AxisTracer& tracer, const std::string& name,
                          graph::ValueId from, const std::vector<Axes>& from_dims,
                          const std::vector<std::pair<Axis, std::int64_t>>& fixed,
                          const std::vector<Axes>& dims);

}  // namespace lasso::passes

#endif  // LASSO_PASSES_AXES_H_
