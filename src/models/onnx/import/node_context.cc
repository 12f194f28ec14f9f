#include "models/onnx/import/node_context.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>

#include "core/convert.h"
#include "formats/text.h"

namespace lasso::onnx {

using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

// The elements of a constant that is small; null for floats.
std::shared_ptr<const Integers> known_integers(const Tensor& tensor) {
  if (tensor.dtype != DType::kI32 && tensor.dtype != DType::kBool) return nullptr;
  const std::int64_t count = element_count(tensor.dims);
  if (count > kMostIntegers) return nullptr;
  Integers integers{tensor.dims, {}};
  for (std::int64_t i = 0; i < count; ++i) {
    integers.values.emplace_back(tensor.dtype == DType::kI32
                                     ? tensor.view().as<std::int32_t>()[i]
                                     : tensor.view().as<std::uint8_t>()[i] != 0);
  }
  return std::make_shared<const Integers>(std::move(integers));
}

}  // namespace

std::string place_of(const OnnxNode& node, std::size_t index) {
  const std::string op =
      node.domain.empty() ? printable(node.op_type) : printable(node.domain + "." + node.op_type);
  if (node.name.empty()) return fmt::format("node {} ({})", index, op);
  return fmt::format("node {} ({}, {})", index, printable(node.name), op);
}

void NodeContext::refuse(ErrorCode code, const std::string& what) const {
  fail(code, "{}: {}", place_of(node_, index_), what);
}

std::string NodeContext::place() const { return place_of(node_, index_); }

const std::string& NodeContext::name() const {
  for (const std::string& output : node_.outputs) {
    if (!output.empty()) return output;
  }
  return node_.name;
}

Operand& NodeContext::operand(std::size_t i) const {
  check(has(i), "input {} is missing", i);
  return importer_.operand(node_.inputs[i]);
}

void NodeContext::require_integers(std::size_t i, std::string_view what) const {
  check(is_integer(type(i)) || type(i) == OnnxDataType::kBool, "{} is of type {}", what,
        to_string(type(i)));
}

std::vector<Dim> NodeContext::sizes(std::size_t i, std::string_view what,
                                    std::int64_t least) const {
  require_integers(i, what);
  const auto known = importer_.sizes_of(operand(i), least);
  if (known == nullptr) {
    unsupported("{} is computed from data ({})", what, printable(node_.inputs[i]));
  }
  return known->values;
}

std::vector<std::int64_t> NodeContext::numbers(std::size_t i, std::string_view what) const {
  require_integers(i, what);
  const Integers* known = integers(i);
  if (known == nullptr) {
    unsupported("{} is computed from data ({})", what, printable(node_.inputs[i]));
  }
  std::vector<std::int64_t> numbers;
  for (const Dim& size : known->values) {
    if (!size.is_constant()) unsupported("{} depends on a size that is open", what);
    numbers.push_back(size.constant());
  }
  return numbers;
}

std::int64_t NodeContext::number(std::size_t i, std::string_view what) const {
  const std::vector<std::int64_t> all = numbers(i, what);
  check(all.size() == 1, "{} has {} elements", what, all.size());
  return all.front();
}

const Tensor* NodeContext::constant(std::size_t i) {
  const Operand& known = operand(i);
  if (known.value == kNoValue && (!known.integers || !known.integers->are_numbers())) {
    return nullptr;
  }
  const auto& tensor = importer_.builder().value(value(i)).constant;
  return tensor ? &*tensor : nullptr;
}

std::vector<float> NodeContext::floats(std::size_t i, std::string_view what) {
  const Tensor* tensor = constant(i);
  if (tensor == nullptr) {
    unsupported("{} is computed from data ({})", what, printable(node_.inputs[i]));
  }
  check(is_real(tensor->dtype), "{} is of type {}", what, to_string(type(i)));
  return read_f32(tensor->dense().view());
}

float NodeContext::scalar(std::size_t i, std::string_view what) {
  const std::vector<float> all = floats(i, what);
  check(all.size() == 1, "{} has {} elements", what, all.size());
  return all.front();
}

template <typename T>
const T* NodeContext::attribute(std::string_view name, std::string_view expected) const {
  const OnnxAttribute* found = find(name);
  if (found == nullptr) return nullptr;
  const T* value = std::get_if<T>(&found->value);
  check(value != nullptr, "attribute {} is of type {}, and {} is expected", name,
        name_of(found->type), expected);
  return value;
}

std::int64_t NodeContext::integer(std::string_view name, std::int64_t absent) const {
  const auto* value = attribute<std::int64_t>(name, "INT");
  return value == nullptr ? absent : *value;
}

float NodeContext::number(std::string_view name, float absent) const {
  const auto* value = attribute<float>(name, "FLOAT");
  return value == nullptr ? absent : *value;
}

std::string NodeContext::text(std::string_view name, std::string_view absent) const {
  const auto* value = attribute<std::string>(name, "STRING");
  return value == nullptr ? std::string(absent) : *value;
}

std::optional<std::vector<std::int64_t>> NodeContext::integer_list(std::string_view name) const {
  const auto* value = attribute<std::vector<std::int64_t>>(name, "INTS");
  if (value == nullptr) return {};
  return *value;
}

std::optional<std::vector<float>> NodeContext::number_list(std::string_view name) const {
  const auto* value = attribute<std::vector<float>>(name, "FLOATS");
  if (value == nullptr) return {};
  return *value;
}

const OnnxTensor* NodeContext::tensor(std::string_view name) const {
  return attribute<OnnxTensor>(name, "TENSOR");
}

const OnnxGraph& NodeContext::graph(std::string_view name) const {
  const auto* graphs = attribute<std::vector<OnnxGraph>>(name, "GRAPH");
  check(graphs != nullptr, "attribute {} is missing", name);
  check(graphs->size() == 1, "attribute {} has {} graphs", name, graphs->size());
  return graphs->front();
}

std::vector<std::string> NodeContext::text_list(std::string_view name) const {
  const auto* value = attribute<std::vector<std::string>>(name, "STRINGS");
  return value == nullptr ? std::vector<std::string>() : *value;
}

bool NodeContext::is_list(std::string_view name) const {
  const OnnxAttribute* found = find(name);
  return found != nullptr &&
         (found->type == OnnxAttributeType::kInts || found->type == OnnxAttributeType::kFloats);
}

std::int64_t NodeContext::axis(std::int64_t axis, std::int64_t rank) const {
  check(axis >= -rank && axis < rank, "axis {} of {} dimensions", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Axes NodeContext::axes(const std::vector<std::int64_t>& axes, std::int64_t rank) const {
  Axes result;
  for (const std::int64_t one : axes) result.push_back(axis(one, rank));
  const std::set<std::int64_t> different(result.begin(), result.end());
  check(different.size() == result.size(), "an axis is named twice");
  return result;
}

std::optional<std::vector<std::int64_t>> NodeContext::axes_of(std::size_t i) const {
  if (has(i)) return numbers(i, "axes");
  return integer_list("axes");
}

void NodeContext::require_float() const {
  if (inside(type(0)) != DType::kF32) unsupported("elements of type {}", to_string(type(0)));
}

void NodeContext::charge(const Dims& dims) const {
  std::int64_t bytes = 64;  // of a number with all that is known of it
  bool overflow = false;
  for (const std::int64_t size : dims) {
    overflow = overflow || size < 0 || __builtin_mul_overflow(bytes, size, &bytes);
  }
  FoldingBudget& budget = importer_.budget();
  if (overflow || bytes > budget.bytes) {
    unsupported("{} numbers to be made while it is imported", to_string(dims));
  }
  budget.bytes -= bytes;
}

void NodeContext::charge_run(const OnnxGraph& body) const {
  charge_nodes(1 + static_cast<std::int64_t>(body.nodes.size()));
}

std::vector<ValueId> NodeContext::add_results(const graph::Op& op,
                                              const std::vector<ValueId>& inputs) {
  return importer_.add(name(), op, inputs);
}

ValueId NodeContext::add(const graph::Op& op, const std::vector<ValueId>& inputs) {
  return add_results(op, inputs).front();
}

ValueId NodeContext::scalar_constant(float value) {
  return constant(make_tensor({}, std::vector<float>{value}));
}

ValueId NodeContext::integer_constant(std::int32_t value) {
  return constant(make_tensor({}, std::vector<std::int32_t>{value}));
}

ValueId NodeContext::constant(Tensor tensor) {
  return importer_.builder().constant(name(), std::move(tensor));
}

const Shape& NodeContext::shape_of(ValueId id) const { return importer_.builder().shape(id); }

DType NodeContext::dtype_of(ValueId id) const { return importer_.builder().value(id).dtype; }

ValueId NodeContext::scaled(ValueId x, float factor) {
  if (factor == 1.0F) return x;
  return binary(graph::BinaryKind::kMul, x, scalar_constant(factor));
}

ValueId NodeContext::cast(ValueId x, DType to) {
  if (dtype_of(x) == to) return x;
  const ValueId same = to == DType::kF32 ? importer_.as_float(x) : kNoValue;
  return same != kNoValue ? same : add(graph::Cast{to}, {x});
}

ValueId NodeContext::reshape(ValueId x, Shape shape) {
  if (shape_of(x) == shape) return x;
  return add(graph::Reshape{std::move(shape)}, {x});
}

ValueId NodeContext::transpose(ValueId x, Axes permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return x;
  return add(graph::Transpose{std::move(permutation)}, {x});
}

ValueId NodeContext::expand(ValueId x, Shape shape) {
  if (shape_of(x) == shape) return x;
  return add(graph::Expand{std::move(shape)}, {x});
}

void NodeContext::result(std::size_t i, ValueId id, OnnxDataType type) {
  const auto& constant = importer_.builder().value(id).constant;
  define(i, {type, shape_of(id), id, constant ? known_integers(*constant) : nullptr, false});
}

void NodeContext::result(std::size_t i, Integers integers, OnnxDataType type) {
  charge({static_cast<std::int64_t>(integers.values.size())});
  Shape shape(integers.dims.begin(), integers.dims.end());
  define(i, {type, std::move(shape), kNoValue,
             std::make_shared<const Integers>(std::move(integers)), false});
}

}  // namespace lasso::onnx
