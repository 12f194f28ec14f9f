// Writes graphs: one call per op, shapes inferred and checked at once.
#ifndef LASSO_GRAPH_BUILDER_H_
#define LASSO_GRAPH_BUILDER_H_

#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::graph {

class Builder {
 public:
  explicit Builder(std::string program_name) { graph_.name = std::move(program_name); }

  ValueId input(const std::string& name, DType dtype, Shape shape);
  // float16 and bfloat16 constants are float32 values of the graph.
  ValueId constant(const std::string& name, Tensor tensor);
  // Appends a node with one result and returns it.
  ValueId add(const std::string& name, Op op, std::vector<ValueId> inputs);
  // Appends a node with any number of results; those that `names` does not name are called after
  // the first.
  std::vector<ValueId> add_results(const std::vector<std::string>& names, Op op,
                                   std::vector<ValueId> inputs);
  // The shape of `value` is a capacity, and `count` says how much of it counts.
  void set_count(ValueId value, ValueId count) { graph_.value(value).count = count; }
  void output(ValueId value, const std::string& name);

  const Graph& graph() const { return graph_; }  // as far as it is written
  const Value& value(ValueId id) const { return graph_.value(id); }
  // Whether a node makes the value.
  bool is_made(ValueId id) const;
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }

  // Verifies and returns the graph; the builder is empty afterwards.
  Graph finish();
  // The same, for who verifies it later.
  Graph take();

 private:
  Graph graph_;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_BUILDER_H_
