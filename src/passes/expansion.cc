#include "passes/expansion.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/convert.h"

namespace lasso::passes {

using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::Value;
using graph::ValueId;

Expansion::Expansion(graph::Graph& graph, Node node)
    : graph_(graph), node_(std::move(node)), base_(graph.value(node_.outputs.front()).name + ".") {}

bool Expansion::has(std::size_t i) const {
  return i < node_.inputs.size() && node_.inputs[i] != kNoValue;
}

std::vector<float> Expansion::constant_values(std::size_t i) const {
  if (!has(i)) return {};
  const Value& value = graph_.value(input(i));
  if (!value.constant || value.constant->data == nullptr) return {};
  return read_f32(value.constant->dense().view());
}

ValueId Expansion::append(const std::string& name, Value value) {
  value.name = base_ + name;
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size() - 1);
}

std::vector<ValueId> Expansion::add_results(const std::string& name, graph::Op op,
                                            std::vector<ValueId> inputs) {
  std::vector<const Value*> values;
  for (const ValueId id : inputs) values.push_back(id == kNoValue ? nullptr : &graph_.value(id));
  graph::Results results = graph::infer(op, values);
  Node node{std::move(op), std::move(inputs), {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string suffix = i == 0 ? "" : "." + std::to_string(i);
    node.outputs.push_back(append(name + suffix, std::move(results[i])));
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().outputs;
}

ValueId Expansion::add(const std::string& name, graph::Op op, std::vector<ValueId> inputs) {
  return add_results(name, std::move(op), std::move(inputs)).front();
}

ValueId Expansion::constant(const std::string& name, Tensor tensor) {
  Value value;
  value.dtype = tensor.dtype;
  value.shape = Shape(tensor.dims.begin(), tensor.dims.end());
  value.constant = std::move(tensor);
  return append(name, std::move(value));
}

ValueId Expansion::scalar(const std::string& name, float value) {
  return constant(name, make_tensor({}, std::vector<float>{value}));
}

ValueId Expansion::binary(const std::string& name, graph::BinaryKind kind, ValueId a, ValueId b) {
  return add(name, graph::Binary{kind}, {a, b});
}

ValueId Expansion::unary(const std::string& name, graph::UnaryKind kind, ValueId x) {
  return add(name, graph::Unary{kind}, {x});
}

ValueId Expansion::reshape(const std::string& name, ValueId x, Shape shape) {
  return add(name, graph::Reshape{std::move(shape)}, {x});
}

ValueId Expansion::transpose(const std::string& name, ValueId x,
                             std::vector<std::int64_t> permutation) {
  return add(name, graph::Transpose{std::move(permutation)}, {x});
}

ValueId Expansion::activate(ValueId x, graph::Activation activation) {
  if (activation == graph::Activation::kNone) return x;
  if (activation == graph::Activation::kLeakyRelu) {
    return add("activation", graph::LeakyRelu{graph::kLeakySlope}, {x});
  }
  return add("activation", graph::Unary{activation}, {x});
}

ValueId Expansion::to_float(const std::string& name, ValueId x) {
  return dtype(x) == DType::kF32 ? x : add(name, graph::Cast{DType::kF32}, {x});
}

ValueId Expansion::rounded(const std::string& name, ValueId x, DType half) {
  if (half == DType::kF32) return x;
  if (dtype(x) == half) return to_float(name, x);
  const Value& value = graph_.value(x);
  if (value.constant && value.constant->data != nullptr) {
    std::vector<float> values = read_f32(value.constant->dense().view());
    for (float& v : values) v = rounded_to_half(half, v);
    return constant(name, make_tensor(value.constant->dims, values));
  }
  return to_float(name, add(name + "." + std::string(to_string(half)), graph::Cast{half}, {x}));
}

ValueId Expansion::product(const std::string& name, ValueId a, ValueId b) {
  const Shape from = shape(a);
  if (from.size() > 1) return add(name, graph::MatMul{}, {a, b});
  const ValueId row = reshape(name + ".row", a, {1, from.back()});
  const ValueId y = add(name + ".of_row", graph::MatMul{}, {row, b});
  return reshape(name, y, {shape(y).back()});
}

std::vector<ValueId> Expansion::rows(ValueId y, DType output, ValueId gain) {
  if (is_half(output)) return {add(std::string(to_string(output)), graph::Cast{output}, {y})};
  if (output == DType::kF32) return {y};
  std::vector<ValueId> inputs{y};
  if (gain != kNoValue) inputs.push_back(gain);
  return add_results("uint8", graph::Quantize{}, inputs);
}

std::vector<Node> Expansion::finish(const std::vector<ValueId>& results) {
  LASSO_CHECK(results.size() == node_.outputs.size(), ErrorCode::kInternal,
              "{} is expanded to {} results, and has {}", graph::op_name(node_.op), results.size(),
              node_.outputs.size());
  const auto rename = [&](ValueId& id) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (id == results[i]) id = node_.outputs[i];
    }
  };
  for (Node& node : nodes_) {
    std::for_each(node.inputs.begin(), node.inputs.end(), rename);
    std::for_each(node.outputs.begin(), node.outputs.end(), rename);
  }
  return std::move(nodes_);
}

}  // namespace lasso::passes
