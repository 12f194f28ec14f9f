// A node of the model as its operator's function sees it: inputs, attributes, and the ways to make
// results. What breaks the operator's rules is kCorruptFile, what Lasso lacks kUnsupported;
// messages name the node.
#ifndef LASSO_MODELS_ONNX_IMPORT_NODE_CONTEXT_H_
#define LASSO_MODELS_ONNX_IMPORT_NODE_CONTEXT_H_

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "models/onnx/import/importer.h"
#include "models/onnx/import/operand.h"

namespace lasso::onnx {

using Axes = std::vector<std::int64_t>;

class NodeContext {
 public:
  NodeContext(Importer& importer, const OnnxNode& node, std::size_t index, std::int64_t opset)
      : importer_(importer), node_(node), index_(index), opset_(opset) {}

  const std::string& op_type() const { return node_.op_type; }
  std::int64_t opset() const { return opset_; }

  // Inputs, from 0.
  std::size_t input_count() const { return node_.inputs.size(); }
  bool has(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  const std::string& input_name(std::size_t i) const { return node_.inputs.at(i); }
  OnnxDataType type(std::size_t i) const { return operand(i).type; }
  const graph::Shape& shape(std::size_t i) const { return operand(i).shape; }
  std::int64_t rank(std::size_t i) const { return static_cast<std::int64_t>(shape(i).size()); }
  graph::ValueId value(std::size_t i) { return importer_.value(operand(i), node_.inputs[i]); }
  // The elements of integers and truths where they are known; null otherwise.
  const Integers* integers(std::size_t i) const { return operand(i).integers.get(); }
  // Elements that must be known, `what` they are in the message; of sizes those too that inputs'
  // values decide, for which symbols stand then; `least` (0 or 1) is the least that they may be.
  std::vector<graph::Dim> sizes(std::size_t i, std::string_view what, std::int64_t least = 1) const;
  std::vector<std::int64_t> numbers(std::size_t i, std::string_view what) const;
  std::int64_t number(std::size_t i, std::string_view what) const;
  // The same of floats, by whatever type.
  std::vector<float> floats(std::size_t i, std::string_view what);
  float scalar(std::size_t i, std::string_view what);
  const Operand& input(std::size_t i) const { return operand(i); }
  // The constant of the graph; null where it is computed.
  const Tensor* constant(std::size_t i);

  // Attributes.
  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t absent) const;
  float number(std::string_view name, float absent) const;
  std::string text(std::string_view name, std::string_view absent) const;
  std::optional<std::vector<std::int64_t>> integer_list(std::string_view name) const;
  std::optional<std::vector<float>> number_list(std::string_view name) const;
  const OnnxTensor* tensor(std::string_view name) const;
  const OnnxGraph& graph(std::string_view name) const;
  std::vector<std::string> text_list(std::string_view name) const;  // empty where it is absent
  bool is_list(std::string_view name) const;
  // An axis, negative ones from the end, of a rank.
  std::int64_t axis(std::int64_t axis, std::int64_t rank) const;
  Axes axes(const std::vector<std::int64_t>& axes, std::int64_t rank) const;
  // The attribute "axes" of older versions of an operator, or input i of newer ones.
  std::optional<std::vector<std::int64_t>> axes_of(std::size_t i) const;

  // Input 0 must be of a type that is computed with in float32.
  void require_float() const;

  // Counts numbers that are about to be made here, off the budget that a file has; throws
  // kUnsupported where that is too little or the product overflows.
  void charge(const Dims& dims) const;
  // The same for one of many runs of a body, or for a step that takes so many nodes.
  void charge_run(const OnnxGraph& body) const;
  void charge_nodes(std::int64_t count) const { charge({count, kNumbersOfNode}); }

  // Results.
  std::size_t output_count() const { return node_.outputs.size(); }
  bool wants(std::size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }
  // A node of the graph with one result, or what it computes of constants.
  graph::ValueId add(const graph::Op& op, const std::vector<graph::ValueId>& inputs);
  std::vector<graph::ValueId> add_results(const graph::Op& op,
                                          const std::vector<graph::ValueId>& inputs);
  graph::ValueId scalar_constant(float value);
  graph::ValueId integer_constant(std::int32_t value);
  graph::ValueId constant(Tensor tensor);
  const graph::Shape& shape_of(graph::ValueId id) const;
  DType dtype_of(graph::ValueId id) const;
  graph::ValueId unary(graph::UnaryKind kind, graph::ValueId x) {
    return add(graph::Unary{kind}, {x});
  }
  graph::ValueId binary(graph::BinaryKind kind, graph::ValueId a, graph::ValueId b) {
    return add(graph::Binary{kind}, {a, b});
  }
  graph::ValueId scaled(graph::ValueId x, float factor);
  graph::ValueId cast(graph::ValueId x, DType to);
  graph::ValueId reshape(graph::ValueId x, graph::Shape shape);
  graph::ValueId transpose(graph::ValueId x, Axes permutation);
  graph::ValueId expand(graph::ValueId x, graph::Shape shape);
  // Result i, of the first input's type unless another one is given.
  void result(std::size_t i, graph::ValueId id) { result(i, id, type(0)); }
  void result(std::size_t i, graph::ValueId id, OnnxDataType type);
  void result(std::size_t i, Integers integers, OnnxDataType type);
  void define(std::size_t i, Operand operand) {
    if (wants(i)) importer_.define(node_.outputs[i], std::move(operand));
  }
  // The same as input 0, by another name.
  void pass(std::size_t i) { define(i, operand(0)); }
  graph::ValueId value_of(Operand& operand) { return importer_.value(operand, name()); }

  template <typename... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    refuse(ErrorCode::kUnsupported, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) const {
    refuse(ErrorCode::kCorruptFile, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void check(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) [[unlikely]] {
      broken(format, std::forward<Args>(args)...);
    }
  }

  Importer& importer() { return importer_; }
  std::string place() const;

 private:
  // What a node takes of the budget for numbers, with its values and names.
  static constexpr std::int64_t kNumbersOfNode = 32;

  Operand& operand(std::size_t i) const;
  const OnnxAttribute* find(std::string_view name) const { return node_.find_attribute(name); }
  // The attribute's value; null where there is none of that name.
  template <typename T>
  const T* attribute(std::string_view name, std::string_view expected) const;
  [[noreturn]] void refuse(ErrorCode code, const std::string& what) const;
  void require_integers(std::size_t i, std::string_view what) const;
  const std::string& name() const;

  Importer& importer_;
  const OnnxNode& node_;
  std::size_t index_;
  std::int64_t opset_;
};

// "node 12 (Conv_12, Conv)".
std::string place_of(const OnnxNode& node, std::size_t index);

// Imports a node of one operator.
using ImportNode = void (*)(NodeContext& node);

// Null for an operator that Lasso lacks.
ImportNode find_operator(const std::string& domain, const std::string& op_type);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_NODE_CONTEXT_H_
