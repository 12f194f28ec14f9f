// Values that a file has: initialisers, inputs, and integers that are known, which become constants
// of the graph where something reads them.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "models/onnx/import/importer.h"

namespace lasso::onnx {

using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

// An element of integers or truths.
std::int64_t integer_at(const OnnxTensor& tensor, std::int64_t index) {
  const std::byte* at =
      tensor.data + static_cast<std::size_t>(index) * (bits_of(tensor.data_type) / 8);
  const auto read = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof(value));
    return static_cast<std::int64_t>(value);
  };
  switch (tensor.data_type) {
    case OnnxDataType::kInt64:
      return read(std::int64_t{});
    case OnnxDataType::kUint64:
      return read(std::uint64_t{});
    case OnnxDataType::kInt32:
      return read(std::int32_t{});
    case OnnxDataType::kUint32:
      return read(std::uint32_t{});
    case OnnxDataType::kInt16:
      return read(std::int16_t{});
    case OnnxDataType::kUint16:
      return read(std::uint16_t{});
    case OnnxDataType::kInt8:
      return read(std::int8_t{});
    default:
      return read(std::uint8_t{});
  }
}

bool fits_int32(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() &&
         value <= std::numeric_limits<std::int32_t>::max();
}

}  // namespace

Operand operand_of(Importer& importer, const OnnxTensor& tensor) {
  Operand operand;
  operand.type = tensor.data_type;
  operand.shape = Shape(tensor.dims.begin(), tensor.dims.end());
  const DType computed = inside(tensor.data_type);
  if (computed == DType::kF32) {
    operand.value = importer.builder().constant(tensor.name, to_tensor(tensor));
    return operand;
  }
  const std::int64_t count = element_count(tensor);
  if (count <= kMostIntegers) {
    Integers integers{tensor.dims, {}};
    for (std::int64_t i = 0; i < count; ++i) integers.values.emplace_back(integer_at(tensor, i));
    operand.integers = std::make_shared<const Integers>(std::move(integers));
    return operand;
  }
  if (computed == DType::kBool) {
    operand.value = importer.builder().constant(tensor.name, to_tensor(tensor));
    return operand;
  }
  std::vector<std::int32_t> numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = integer_at(tensor, i);
    LASSO_CHECK(fits_int32(number), ErrorCode::kUnsupported,
                "tensor {} has the value {}, and integers of 32 bits are computed with",
                printable(tensor.name), number);
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  operand.value = importer.builder().constant(tensor.name, make_tensor(tensor.dims, numbers));
  return operand;
}

void Importer::add_initializer(const OnnxTensor& tensor) {
  Operand operand;
  try {
    operand = constant(tensor);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    note_unsupported(
        fmt::format("{}initialiser {}: {}", place_, printable(tensor.name), error.what()));
    operand.is_missing = true;
  }
  define(tensor.name, std::move(operand));
}

Operand Importer::constant(const OnnxTensor& tensor) {
  const auto known = constants_.find(&tensor);
  if (known != constants_.end()) return known->second;
  return constants_.emplace(&tensor, operand_of(*this, tensor)).first->second;
}

void Importer::add_fixed(const OnnxValueInfo& info, const Tensor& tensor) {
  const auto own = lasso::dtype_of(info.elem_type);
  LASSO_CHECK(own == tensor.dtype, ErrorCode::kInvalidArgument,
              "{}: input \"{}\" is {}, and {} is given for it", model_.path, printable(info.name),
              to_string(info.elem_type), to_string(tensor.dtype));
  const Shape shape = input_shape(info);
  bool fits = shape.size() == tensor.dims.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = !shape[i].is_constant() || shape[i].constant() == tensor.dims[i];
  }
  LASSO_CHECK(fits, ErrorCode::kInvalidArgument, "{}: input \"{}\" is {}, and {} is given for it",
              model_.path, printable(info.name), to_string(shape), to_string(tensor.dims));
  OnnxTensor constant;
  constant.name = info.name;
  constant.data_type = info.elem_type;
  constant.dims = tensor.dims;
  constant.data = static_cast<const std::byte*>(tensor.data.get());
  constant.bytes = tensor.bytes();
  constant.owner = tensor.data;
  define(info.name, operand_of(*this, constant));
}

void Importer::add_fixed_inputs() {
  for (const auto& [name, tensor] : fixed_) {
    const auto& inputs = model_.graph.inputs;
    const auto input =
        std::find_if(inputs.begin(), inputs.end(),
                     [&wanted = name](const OnnxValueInfo& info) { return info.name == wanted; });
    LASSO_CHECK(input != inputs.end(), ErrorCode::kInvalidArgument,
                "{}: it has no input \"{}\", which is to be fixed", model_.path, printable(name));
    add_fixed(*input, tensor);
  }
}

void Importer::add_input(const OnnxValueInfo& info) {
  if (find(info.name) != nullptr) return;  // it has a default
  const std::string name = printable(info.name);
  const auto own = lasso::dtype_of(info.elem_type);
  LASSO_CHECK(own.has_value(), ErrorCode::kUnsupported, "{}: input \"{}\" is of type {}",
              model_.path, name, to_string(info.elem_type));
  Operand operand;
  operand.type = info.elem_type;
  operand.shape = input_shape(info);
  operand.value = builder_.input(info.name, *own, operand.shape);
  for (const Dim& size : operand.shape) {
    if (const auto symbol = size.as_symbol()) symbols_.insert(*symbol);
  }
  inputs_.push_back(operand.value);
  const DType computed = inside(info.elem_type);
  if (*own != computed) {
    operand.value = builder_.add(info.name, graph::Cast{computed}, {operand.value});
  }
  define(info.name, std::move(operand));
}

// Sizes that are open, known when a plan is bound.
ValueId Importer::sizes_as_numbers(const Operand& operand, const std::string& name) {
  constexpr std::size_t kMost = 64;
  const Integers& integers = *operand.integers;
  LASSO_CHECK(integers.values.size() <= kMost && !inputs_.empty(), ErrorCode::kUnsupported,
              "\"{}\" is {} sizes that are open, and is used as a number", printable(name),
              integers.values.size());
  const ValueId numbers = builder_.add(name, graph::Sizes{integers.values}, {inputs_.front()});
  const Shape shape(integers.dims.begin(), integers.dims.end());
  const ValueId shaped = builder_.shape(numbers) == shape
                             ? numbers
                             : builder_.add(name, graph::Reshape{shape}, {numbers});
  const DType computed = inside(operand.type);
  return computed == DType::kI32 ? shaped : builder_.add(name, graph::Cast{computed}, {shaped});
}

ValueId Importer::value(Operand& operand, const std::string& name) {
  if (operand.value != kNoValue) return operand.value;
  LASSO_CHECK(operand.integers != nullptr, ErrorCode::kInternal, "\"{}\" has no value", name);
  const Integers& integers = *operand.integers;
  if (!integers.are_numbers()) {
    operand.value = sizes_as_numbers(operand, name);
    return operand.value;
  }
  if (inside(operand.type) == DType::kBool) {
    auto truths = std::make_shared<std::vector<std::uint8_t>>();
    for (const std::int64_t number : integers.numbers()) truths->push_back(number != 0 ? 1 : 0);
    const std::uint8_t* data = truths->data();
    operand.value = builder_.constant(
        name, Tensor{DType::kBool, integers.dims, std::shared_ptr<const void>(truths, data), {}});
    return operand.value;
  }
  std::vector<std::int32_t> numbers;
  for (const std::int64_t number : integers.numbers()) {
    LASSO_CHECK(fits_int32(number), ErrorCode::kUnsupported,
                "\"{}\" has the value {}, and integers of 32 bits are computed with",
                printable(name), number);
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  operand.value = builder_.constant(name, make_tensor(integers.dims, numbers));
  return operand.value;
}

}  // namespace lasso::onnx
