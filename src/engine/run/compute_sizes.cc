#include "engine/run/compute_sizes.h"

#include <memory>
#include <utility>

#include "core/check.h"
#include "graph/computed_sizes.h"
#include "kernels/evaluate.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

// Far above what graph::check_computed_sizes lets through.
constexpr kernels::WorkBudget kBudget{std::int64_t{1} << 26, 1e8};

std::vector<Tensor> results_of(const Graph& graph, const Node& node,
                               const std::vector<Tensor>& values, const graph::Bindings& bindings,
                               kernels::WorkBudget& budget) {
  if (const auto* sizes = std::get_if<graph::Sizes>(&node.op)) {
    std::vector<std::int32_t> numbers;
    for (const std::int64_t size : graph::evaluate(sizes->sizes, bindings)) {
      LASSO_CHECK(size >= INT32_MIN && size <= INT32_MAX, ErrorCode::kInvalidArgument,
                  "the size {} is no number of 32 bits", size);
      numbers.push_back(static_cast<std::int32_t>(size));
    }
    return {make_tensor({static_cast<std::int64_t>(numbers.size())}, numbers)};
  }
  std::vector<const Tensor*> inputs;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? nullptr : &values[static_cast<std::size_t>(id)]);
  }
  graph::Results results;
  for (const ValueId id : node.outputs) results.push_back(graph.value(id));
  auto tensors = kernels::evaluate(node.op, inputs, results, budget);
  LASSO_CHECK(tensors, ErrorCode::kInvalidArgument, "no kernel computes {}",
              graph::op_name(node.op));
  return std::move(*tensors);
}

}  // namespace

std::vector<std::int64_t> compute_sizes(const Graph& program, const graph::Bindings& bindings,
                                        std::span<const void* const> inputs) {
  const Graph& graph = *program.computed.graph;
  std::vector<Tensor> values(graph.values.size());
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant) values[i] = *graph.values[i].constant;
  }
  const std::vector<bool> reads = graph::reads_values(graph);
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    if (!reads[i]) continue;
    const Value& value = graph.value(graph.inputs[i]);
    values[static_cast<std::size_t>(graph.inputs[i])] = {
        value.dtype, graph::evaluate(value.shape, {}),
        std::shared_ptr<const void>(inputs[i], [](const void*) {}), nullptr};
  }
  kernels::WorkBudget budget = kBudget;
  for (const Node& node : graph.nodes) {
    try {
      std::vector<Tensor> results = results_of(graph, node, values, bindings, budget);
      for (std::size_t i = 0; i < results.size(); ++i) {
        values[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
      }
    } catch (const Error& error) {
      fail(ErrorCode::kInvalidArgument, "program {}: its sizes can't be computed: \"{}\": {}",
           program.name, graph.value(node.outputs.front()).name, error.what());
    }
  }
  const Tensor& result = values[static_cast<std::size_t>(graph.outputs.front())];
  const auto* sizes = result.view().as<std::int32_t>();
  return {sizes, sizes + program.computed.symbols.size()};
}

}  // namespace lasso::engine
