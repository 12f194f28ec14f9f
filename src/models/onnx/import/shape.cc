// Operators that make constants, and that compute shapes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

// A type by its number in an attribute.
OnnxDataType data_type(const NodeContext& n, std::int64_t number) {
  const auto type = number < 0 ? std::nullopt : onnx_data_type(static_cast<std::uint64_t>(number));
  n.check(type.has_value(), "{} is the number of no type", number);
  return *type;
}

Tensor truth(bool value) {
  return {DType::kBool, {}, std::make_shared<std::uint8_t>(value ? 1 : 0), {}};
}

void import_constant(NodeContext& n) {
  if (const OnnxTensor* tensor = n.tensor("value")) {
    return n.define(0, n.importer().constant(*tensor));
  }
  if (n.has_attribute("value_int")) {
    return n.result(0, scalar_integer(n.integer("value_int", 0)), OnnxDataType::kInt64);
  }
  if (const auto list = n.integer_list("value_ints")) {
    return n.result(0, integer_list({list->begin(), list->end()}), OnnxDataType::kInt64);
  }
  if (n.has_attribute("value_float")) {
    return n.result(0, n.scalar_constant(n.number("value_float", 0)), OnnxDataType::kFloat32);
  }
  if (const auto list = n.number_list("value_floats")) {
    const auto count = static_cast<std::int64_t>(list->size());
    return n.result(0, n.constant(make_tensor({count}, *list)), OnnxDataType::kFloat32);
  }
  n.unsupported("a constant of texts, or of a sparse tensor");
}

void import_identity(NodeContext& n) { n.pass(0); }

void import_shape(NodeContext& n) {
  const Shape& shape = n.shape(0);
  const std::int64_t rank = n.rank(0);
  const auto clamped = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t begin = clamped(n.integer("start", 0));
  const std::int64_t end = std::max(begin, clamped(n.integer("end", rank)));
  n.result(0, integer_list({shape.begin() + begin, shape.begin() + end}), OnnxDataType::kInt64);
}

void import_size(NodeContext& n) {
  n.result(0, scalar_integer(graph::product(n.shape(0))), OnnxDataType::kInt64);
}

// From numbers to numbers in 64 bits; a type of less takes its lower bits.
std::int64_t wrapped(std::int64_t value, OnnxDataType type) {
  switch (type) {
    case OnnxDataType::kInt8:
      return static_cast<std::int8_t>(value);
    case OnnxDataType::kUint8:
      return static_cast<std::uint8_t>(value);
    case OnnxDataType::kInt16:
      return static_cast<std::int16_t>(value);
    case OnnxDataType::kUint16:
      return static_cast<std::uint16_t>(value);
    case OnnxDataType::kInt32:
      return static_cast<std::int32_t>(value);
    case OnnxDataType::kUint32:
      return static_cast<std::uint32_t>(value);
    case OnnxDataType::kBool:
      return value != 0 ? 1 : 0;
    default:
      return value;
  }
}

bool import_known_cast(NodeContext& n, OnnxDataType to) {
  const Integers* known = n.integers(0);
  if (known == nullptr) return false;
  if (is_integer(to) || to == OnnxDataType::kBool) {
    Integers cast = *known;
    for (Dim& value : cast.values) {
      if (value.is_constant()) {
        value = wrapped(value.constant(), to);
      } else if (to != OnnxDataType::kInt64 && to != OnnxDataType::kInt32) {
        return false;
      }
    }
    n.result(0, std::move(cast), to);
    return true;
  }
  if (!known->are_numbers()) return false;  // they are cast when they are known
  std::vector<float> numbers;
  for (const std::int64_t number : known->numbers()) numbers.push_back(static_cast<float>(number));
  ValueId made = n.constant(make_tensor(known->dims, numbers));
  const auto own = lasso::dtype_of(to);
  if (own && is_half(*own)) made = n.cast(n.cast(made, *own), DType::kF32);
  n.result(0, made, to);
  return true;
}

// A float of less than 32 bits is rounded to, and what is computed with is float32 again.
void import_cast_to(NodeContext& n, OnnxDataType to) {
  const DType computed = inside(to);  // throws for what is not computed with
  const auto own = lasso::dtype_of(to);
  if (!own) n.unsupported("a cast to {}", to_string(to));
  if (to == n.type(0)) return n.pass(0);
  if (import_known_cast(n, to)) return;
  const bool rounds = is_half(*own) || (is_integer(to) && size_of(*own) < size_of(DType::kI32));
  ValueId x = n.value(0);
  if (rounds) x = n.cast(x, *own);
  n.result(0, n.cast(x, computed), to);
}

void import_cast(NodeContext& n) {
  n.check(n.has_attribute("to"), "attribute to is missing");
  import_cast_to(n, data_type(n, n.integer("to", 0)));
}

void import_cast_like(NodeContext& n) { import_cast_to(n, n.type(1)); }

void import_constant_of_shape(NodeContext& n) {
  const std::vector<Dim> sizes = n.sizes(0, "the shape");
  Operand element;
  if (const OnnxTensor* tensor = n.tensor("value")) {
    n.check(element_count(*tensor) == 1, "attribute value has {} elements", element_count(*tensor));
    element = n.importer().constant(*tensor);
  } else {
    element.type = OnnxDataType::kFloat32;
    element.value = n.scalar_constant(0.0F);
  }
  Integers shape = integer_list(sizes);
  if (element.integers != nullptr && shape.are_numbers()) {
    Integers filled{shape.numbers(), {}};
    const std::int64_t count = element_count(filled.dims);
    if (count <= kMostIntegers) {
      filled.values.assign(static_cast<std::size_t>(count), element.integers->values.front());
      return n.result(0, std::move(filled), element.type);
    }
  }
  const OnnxDataType type = element.type;
  const ValueId one = n.reshape(n.value_of(element), Shape(sizes.size(), Dim(1)));
  n.result(0, n.expand(one, Shape(sizes.begin(), sizes.end())), type);
}

template <typename T>
std::int64_t range_count(const NodeContext& n, T begin, T end, T step) {
  n.check(step != T{0}, "the step is 0");
  const double count = std::ceil((static_cast<double>(end) - static_cast<double>(begin)) /
                                 static_cast<double>(step));
  constexpr double kMost = 1 << 24;
  if (!(count <= kMost)) n.unsupported("a range of {} numbers", count);
  return static_cast<std::int64_t>(std::max(0.0, count));
}

void import_range(NodeContext& n) {
  const OnnxDataType type = n.type(0);
  if (is_integer(type)) {
    const std::int64_t begin = n.number(0, "the first number");
    const std::int64_t step = n.number(2, "the step");
    const std::int64_t count = range_count(n, begin, n.number(1, "the end"), step);
    n.charge({count});
    std::int64_t way = 0;
    std::int64_t last = 0;
    if (__builtin_mul_overflow(std::max<std::int64_t>(count - 1, 0), step, &way) ||
        __builtin_add_overflow(begin, way, &last)) {
      n.unsupported("numbers beyond 64 bits");
    }
    if (count <= kMostIntegers) {
      std::vector<Dim> values;
      for (std::int64_t i = 0; i < count; ++i) values.emplace_back(begin + i * step);
      return n.result(0, integer_list(std::move(values)), type);
    }
    const auto is_small = [](std::int64_t number) {
      return number == static_cast<std::int32_t>(number);
    };
    if (!is_small(begin) || !is_small(last)) n.unsupported("numbers beyond 32 bits");
    std::vector<std::int32_t> values;
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<std::int32_t>(begin + i * step));
    }
    return n.result(0, n.constant(make_tensor({count}, values)), type);
  }
  const float begin = n.scalar(0, "the first number");
  const float step = n.scalar(2, "the step");
  const std::int64_t count = range_count(n, begin, n.scalar(1, "the end"), step);
  n.charge({count});
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(begin + static_cast<float>(i) * step);
  }
  n.result(0, n.constant(make_tensor({count}, values)), type);
}

// Ones on a diagonal, zeros elsewhere.
void import_eye_like(NodeContext& n) {
  n.check(n.rank(0) == 2, "the input has {} dimensions", n.rank(0));
  const OnnxDataType type =
      n.has_attribute("dtype") ? data_type(n, n.integer("dtype", 0)) : n.type(0);
  for (const Dim& size : n.shape(0)) {
    if (!size.is_constant()) n.unsupported("a matrix of an open size");
  }
  const std::int64_t rows = n.shape(0)[0].constant();
  const std::int64_t columns = n.shape(0)[1].constant();
  const std::int64_t k = std::clamp(n.integer("k", 0), -rows, columns);
  n.charge({rows, columns});
  std::vector<float> values(static_cast<std::size_t>(element_count({rows, columns})));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t column = row + k;
    if (column < 0 || column >= columns) continue;
    values[static_cast<std::size_t>(row * columns + column)] = 1.0F;
  }
  const ValueId eye = n.constant(make_tensor({rows, columns}, values));
  n.result(0, n.cast(eye, inside(type)), type);
}

// The part of matrices above or below a diagonal.
void import_trilu(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  n.check(rank >= 2, "the input has {} dimensions", rank);
  const Dim& rows_size = n.shape(0)[static_cast<std::size_t>(rank - 2)];
  const Dim& columns_size = n.shape(0)[static_cast<std::size_t>(rank - 1)];
  if (!rows_size.is_constant() || !columns_size.is_constant()) {
    n.unsupported("a matrix of an open size");
  }
  const std::int64_t k = n.has(1) ? n.number(1, "the diagonal") : 0;
  const bool upper = n.integer("upper", 1) != 0;
  const std::int64_t rows = rows_size.constant();
  const std::int64_t columns = columns_size.constant();
  n.charge({rows, columns});
  auto kept = std::make_shared<std::vector<std::uint8_t>>();
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t diagonal = column - row;
      kept->push_back((upper ? diagonal >= k : diagonal <= k) ? 1 : 0);
    }
  }
  const std::uint8_t* data = kept->data();
  const ValueId mask = n.constant(
      Tensor{DType::kBool, {rows, columns}, std::shared_ptr<const void>(kept, data), {}});
  const ValueId x = n.value(0);
  ValueId zero = 0;
  if (n.dtype_of(x) == DType::kF32) {
    zero = n.scalar_constant(0.0F);
  } else if (n.dtype_of(x) == DType::kBool) {
    zero = n.constant(truth(false));
  } else {
    zero = n.integer_constant(0);
  }
  n.result(0, n.add(graph::Select{}, {mask, x, zero}));
}

}  // namespace

const std::vector<Operator>& shape_operators() {
  static const std::vector<Operator> list{
      {"Cast", import_cast},         {"CastLike", import_cast_like},
      {"Constant", import_constant}, {"ConstantOfShape", import_constant_of_shape},
      {"EyeLike", import_eye_like},  {"Identity", import_identity},
      {"Range", import_range},       {"Shape", import_shape},
      {"Size", import_size},         {"Trilu", import_trilu},
  };
  return list;
}

}  // namespace lasso::onnx
