#include "models/sam_onnx/program_editor.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/convert.h"

namespace lasso::sam_onnx {

using graph::kNoValue;
using graph::ValueId;

ValueId ProgramEditor::input(const std::string& name, DType dtype, graph::Shape shape) {
  graph_.values.push_back({name, dtype, std::move(shape), {}, {}});
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId ProgramEditor::constant(const std::string& name, const Tensor& tensor) {
  const DType dtype = is_real(tensor.dtype) ? DType::kF32 : tensor.dtype;
  const ValueId id = input(name, dtype, graph::Shape(tensor.dims.begin(), tensor.dims.end()));
  graph_.value(id).constant = tensor;
  return id;
}

ValueId ProgramEditor::add(const std::string& name, const graph::Op& op,
                           const std::vector<ValueId>& inputs, std::size_t place) {
  std::vector<const graph::Value*> values;
  for (const ValueId id : inputs) values.push_back(&graph_.value(id));
  graph::Results results = graph::infer(op, values);
  LASSO_CHECK(results.size() == 1, ErrorCode::kInternal, "program {}: {} has {} results",
              graph_.name, graph::op_name(op), results.size());
  results.front().name = name;
  const auto id = static_cast<ValueId>(graph_.values.size());
  graph_.values.push_back(std::move(results.front()));
  graph_.nodes.insert(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(place),
                      graph::Node{op, inputs, {id}});
  return id;
}

ValueId ProgramEditor::before(const std::string& name, const graph::Op& op,
                              const std::vector<ValueId>& inputs) {
  return add(name, op, inputs, before_++);
}

ValueId ProgramEditor::behind(const std::string& name, const graph::Op& op,
                              const std::vector<ValueId>& inputs) {
  return add(name, op, inputs, graph_.nodes.size());
}

void ProgramEditor::replace(ValueId old, ValueId by) {
  LASSO_CHECK(value(old).dtype == value(by).dtype && value(old).shape == value(by).shape,
              ErrorCode::kInternal, "program {}: \"{}\" is {} {}, and {} {} is to replace it",
              graph_.name, value(old).name, to_string(value(old).dtype),
              graph::to_string(value(old).shape), to_string(value(by).dtype),
              graph::to_string(value(by).shape));
  const auto change = [&](ValueId& id) { id = id == old ? by : id; };
  for (graph::Node& node : graph_.nodes)
    std::for_each(node.inputs.begin(), node.inputs.end(), change);
  std::for_each(graph_.outputs.begin(), graph_.outputs.end(), change);
  for (graph::Value& counted : graph_.values) {
    if (counted.count) change(*counted.count);
  }
}

void ProgramEditor::read_sizes_from(ValueId input) {
  for (graph::Node& node : graph_.nodes) {
    if (std::holds_alternative<graph::Sizes>(node.op)) node.inputs.front() = input;
  }
}

std::vector<ValueId> ProgramEditor::append(graph::Graph other, const std::vector<ValueId>& inputs) {
  const auto offset = static_cast<ValueId>(graph_.values.size());
  const auto move = [&](ValueId& id) {
    if (id != kNoValue) id += offset;
  };
  for (graph::Value& value : other.values) {
    if (value.count) move(*value.count);
    graph_.values.push_back(std::move(value));
  }
  for (graph::Node& node : other.nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), move);
    std::for_each(node.outputs.begin(), node.outputs.end(), move);
    graph_.nodes.push_back(std::move(node));
  }
  std::for_each(other.inputs.begin(), other.inputs.end(), move);
  std::for_each(other.outputs.begin(), other.outputs.end(), move);
  for (std::size_t i = 0; i < other.inputs.size(); ++i) replace(other.inputs[i], inputs.at(i));
  return other.outputs;
}

graph::Graph ProgramEditor::take(const std::string& name, const std::vector<ValueId>& inputs,
                                 const std::vector<ValueId>& outputs) {
  graph_.name = name;
  graph_.inputs = inputs;
  graph_.outputs = outputs;
  const std::vector<std::string> symbols = graph::symbols(graph_);
  const auto is_gone = [&](const auto& entry) {
    return std::find(symbols.begin(), symbols.end(), entry.first) == symbols.end();
  };
  std::erase_if(graph_.typical, is_gone);
  std::erase_if(graph_.profile, is_gone);
  // Values of the old inputs that nothing reads any more have no maker.
  graph::verify(graph_);
  return std::move(graph_);
}

}  // namespace lasso::sam_onnx
