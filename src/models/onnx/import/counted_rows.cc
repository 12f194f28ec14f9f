#include "models/onnx/import/counted_rows.h"

#include <algorithm>
#include <variant>

#include "core/check.h"
#include "formats/text.h"

namespace lasso::onnx {

using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

bool has_symbol(const Shape& shape, const std::string& symbol) {
  return std::any_of(shape.begin(), shape.end(),
                     [&](const Dim& size) { return size.has_symbol(symbol); });
}

// A name for an output's count that no other output has.
std::string name_of_count(const graph::Graph& graph, ValueId count) {
  std::string name = "count";
  for (const ValueId id : graph.outputs) {
    if (graph.value(id).count == count) {
      name = graph.value(id).name + ".count";
      break;
    }
  }
  const auto is_taken = [&] {
    return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                       [&](ValueId id) { return graph.value(id).name == name; });
  };
  while (is_taken()) name += "_";
  return name;
}

// What lies beyond the count is no number of the model: it must not go into one that counts.
bool mixes_rows(const graph::Node& node, const graph::Graph& graph, const std::string& symbol) {
  const auto counted = [&](ValueId id) {
    return id != kNoValue && has_symbol(graph.value(id).shape, symbol);
  };
  const auto* sizes = std::get_if<graph::Sizes>(&node.op);
  if (sizes != nullptr && has_symbol(sizes->sizes, symbol)) return true;
  if (std::none_of(node.inputs.begin(), node.inputs.end(), counted)) return false;
  if (!std::all_of(node.outputs.begin(), node.outputs.end(), counted)) return true;
  const auto along = [&](std::int64_t axis) {
    return graph.value(node.inputs.front())
        .shape.at(static_cast<std::size_t>(axis))
        .has_symbol(symbol);
  };
  if (const auto* op = std::get_if<graph::Softmax>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::CumSum>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::Slice>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::TopK>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::ArgReduce>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::Concat>(&node.op)) return along(op->axis);
  if (const auto* op = std::get_if<graph::Reduce>(&node.op)) {
    return std::any_of(op->axes.begin(), op->axes.end(), along);
  }
  // Of these only a table that does not depend on data is read by what does, and only whole
  // dimensions move.
  if (std::holds_alternative<graph::Gather>(node.op)) return counted(node.inputs.front());
  const auto& shape = graph.value(node.inputs.front()).shape;
  if (std::holds_alternative<graph::Reshape>(node.op)) {
    const auto& result = graph.value(node.outputs.front()).shape;
    const Dim size = Dim::symbol(symbol);
    return shape.empty() || result.empty() || shape.front() != size || result.front() != size;
  }
  if (std::holds_alternative<graph::LayerNorm>(node.op) ||
      std::holds_alternative<graph::Linear>(node.op)) {
    return has_symbol({shape.back()}, symbol);
  }
  const bool by_element = std::holds_alternative<graph::Unary>(node.op) ||
                          std::holds_alternative<graph::Binary>(node.op) ||
                          std::holds_alternative<graph::Cast>(node.op) ||
                          std::holds_alternative<graph::Compare>(node.op) ||
                          std::holds_alternative<graph::Select>(node.op) ||
                          std::holds_alternative<graph::LeakyRelu>(node.op);
  const bool moves = std::holds_alternative<graph::Transpose>(node.op) ||
                     std::holds_alternative<graph::Expand>(node.op) ||
                     std::holds_alternative<graph::NonMaxSuppression>(node.op);
  return !by_element && !moves;
}

}  // namespace

graph::Graph with_capacities(graph::Graph graph, const std::vector<CountedSize>& sizes,
                             const std::string& path) {
  for (const CountedSize& counted : sizes) {
    for (const graph::Node& node : graph.nodes) {
      LASSO_CHECK(!mixes_rows(node, graph, counted.symbol), ErrorCode::kUnsupported,
                  "{}: \"{}\" is computed from all rows of \"{}\", how many of which there are is "
                  "known at run time only",
                  path, printable(graph.value(node.outputs.front()).name),
                  printable(graph.value(node.inputs.front()).name));
    }
    const Dim size = Dim::symbol(counted.symbol);
    bool is_output = false;
    for (const ValueId id : std::vector<ValueId>(graph.outputs)) {
      const Shape& shape = graph.value(id).shape;
      const bool first = !shape.empty() && shape.front() == size &&
                         !has_symbol({shape.begin() + 1, shape.end()}, counted.symbol);
      LASSO_CHECK(first || !has_symbol(shape, counted.symbol), ErrorCode::kUnsupported,
                  "{}: output \"{}\" is {}: only the first dimension may be known at run time only",
                  path, printable(graph.value(id).name), to_string(shape));
      if (first) graph.value(id).count = counted.count;
      is_output = is_output || first;
    }
    if (is_output) {
      graph.value(counted.count).name = name_of_count(graph, counted.count);
      graph.outputs.push_back(counted.count);
    }
    for (graph::Value& value : graph.values) {
      for (Dim& dim : value.shape) dim = dim.with(counted.symbol, counted.capacity);
    }
    for (graph::Node& node : graph.nodes) {
      node.op = graph::with_size(node.op, counted.symbol, counted.capacity);
    }
  }
  graph::verify(graph);
  return graph;
}

}  // namespace lasso::onnx
