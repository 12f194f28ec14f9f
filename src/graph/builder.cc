#include "graph/builder.h"

#include <algorithm>

#include "core/check.h"
#include "core/convert.h"

namespace lasso::graph {

namespace {

ValueId append(Graph& graph, Value value) {
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size() - 1);
}

}  // namespace

ValueId Builder::input(const std::string& name, DType dtype, Shape shape) {
  const ValueId id = append(graph_, {name, dtype, std::move(shape), {}, {}});
  graph_.inputs.push_back(id);
  return id;
}

ValueId Builder::constant(const std::string& name, Tensor tensor) {
  // Weights of all widths are float32 in the graph; whoever packs them converts them.
  Value value{name,
              is_real(tensor.dtype) ? DType::kF32 : tensor.dtype,
              Shape(tensor.dims.begin(), tensor.dims.end()),
              {},
              {}};
  value.constant = std::move(tensor);
  return append(graph_, std::move(value));
}

ValueId Builder::add(const std::string& name, Op op, std::vector<ValueId> inputs) {
  const std::string_view called = op_name(op);
  const std::vector<ValueId> results = add_results({name}, std::move(op), std::move(inputs));
  LASSO_CHECK(results.size() == 1, ErrorCode::kInternal,
              "program {}, value \"{}\": {} has {} results", graph_.name, name, called,
              results.size());
  return results.front();
}

std::vector<ValueId> Builder::add_results(const std::vector<std::string>& names, Op op,
                                          std::vector<ValueId> inputs) {
  std::vector<const Value*> values;
  values.reserve(inputs.size());
  for (const ValueId id : inputs) values.push_back(id == kNoValue ? nullptr : &graph_.value(id));
  Results results;
  try {
    results = infer(op, values);
  } catch (const Error& error) {
    fail(error.code(), "program {}, value \"{}\": {}", graph_.name, names.at(0), error.what());
  }
  Node node{std::move(op), std::move(inputs), {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].name = i < names.size() ? names[i] : fmt::format("{}.{}", names.at(0), i);
    node.outputs.push_back(append(graph_, std::move(results[i])));
  }
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().outputs;
}

bool Builder::is_made(ValueId id) const {
  return !graph_.value(id).constant &&
         std::find(graph_.inputs.begin(), graph_.inputs.end(), id) == graph_.inputs.end();
}

void Builder::output(ValueId value, const std::string& name) {
  graph_.value(value).name = name;
  graph_.outputs.push_back(value);
}

Graph Builder::finish() {
  verify(graph_);
  return take();
}

Graph Builder::take() {
  Graph graph = std::move(graph_);
  graph_ = {};
  return graph;
}

}  // namespace lasso::graph
