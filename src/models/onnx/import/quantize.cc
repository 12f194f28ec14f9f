// Operators that round to few numbers, and back: computed in float32, in which all of them are.
#include "models/onnx/import/quantize.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/convert.h"
#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::kNoValue;
using graph::ReduceKind;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

std::pair<float, float> limits_of(const NodeContext& n, OnnxDataType type) {
  switch (type) {
    case OnnxDataType::kUint8:
      return {0.0F, 255.0F};
    case OnnxDataType::kInt8:
      return {-128.0F, 127.0F};
    case OnnxDataType::kUint16:
      return {0.0F, 65535.0F};
    case OnnxDataType::kInt16:
      return {-32768.0F, 32767.0F};
    default:
      n.unsupported("numbers quantised to {}", to_string(type));
  }
}

// Scales and zero points in the form in which they broadcast to input 0: a number, one for each
// place along an axis, or one for each block of places along it.
struct Parameters {
  ValueId scale = kNoValue;
  ValueId zero = kNoValue;  // float32
};

ValueId in_blocks(NodeContext& n, ValueId x, std::int64_t axis, std::int64_t block) {
  Shape shape = n.shape_of(x);
  const auto at = static_cast<std::ptrdiff_t>(axis);
  n.check(shape.size() == n.shape(0).size(), "scales {} of {}", to_string(shape),
          to_string(n.shape(0)));
  shape.insert(shape.begin() + at + 1, Dim(1));
  x = n.reshape(x, shape);
  shape[static_cast<std::size_t>(at) + 1] = block;
  return n.reshape(n.expand(x, shape), n.shape(0));
}

Parameters parameters_of(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  const std::int64_t given = n.integer("axis", 1);
  const std::int64_t block = n.integer("block_size", 0);
  Parameters result;
  result.scale = n.cast(n.value(1), DType::kF32);
  if (n.has(2)) result.zero = n.cast(n.value(2), DType::kF32);
  if (block > 0) {
    const std::int64_t axis = n.axis(given, rank);
    const auto at = static_cast<std::size_t>(axis);
    const Dim blocks = n.rank(1) == rank ? n.shape(1)[at] : Dim(0);
    n.check(block <= graph::kMaxSymbol && blocks * Dim(block) == n.shape(0)[at],
            "blocks of {} along axis {}: scales {} of {}", block, axis, to_string(n.shape(1)),
            to_string(n.shape(0)));
    result.scale = in_blocks(n, result.scale, axis, block);
    if (result.zero != kNoValue) result.zero = in_blocks(n, result.zero, axis, block);
    return result;
  }
  result.scale = n.reshape(result.scale, along_axis(n, 1, given, rank));
  if (result.zero != kNoValue) result.zero = n.reshape(result.zero, along_axis(n, 2, given, rank));
  return result;
}

void import_quantize(NodeContext& n) {
  OnnxDataType type = OnnxDataType::kUint8;
  if (n.has(2)) {
    type = n.type(2);
  } else if (const std::int64_t number = n.integer("output_dtype", 0); number != 0) {
    const auto named =
        number < 0 ? std::nullopt : onnx_data_type(static_cast<std::uint64_t>(number));
    n.check(named.has_value(), "{} is the number of no type", number);
    type = *named;
  }
  limits_of(n, type);
  const Parameters by = parameters_of(n);
  const ValueId x = n.cast(n.value(0), DType::kF32);
  n.result(0, saturated(n, n.binary(BinaryKind::kDiv, x, by.scale), by.zero, type), type);
}

// Weights by the numbers that they stand for: none of the steps between lies in memory.
bool import_known_numbers(NodeContext& n, const Parameters& by) {
  const auto constant = [&](ValueId id) {
    const auto& tensor = n.importer().builder().value(id).constant;
    return tensor ? &*tensor : nullptr;
  };
  const Tensor* x = n.constant(0);
  const Tensor* scale = constant(by.scale);
  const Tensor* zero = by.zero == kNoValue ? nullptr : constant(by.zero);
  if (x == nullptr || x->dtype != DType::kI32 || scale == nullptr ||
      (by.zero != kNoValue && zero == nullptr)) {
    return false;
  }
  const std::int64_t count = element_count(x->dims);
  n.charge({count / 16});
  const std::vector<float> scales = read_f32(scale->view());
  const std::vector<float> zeros = zero == nullptr ? std::vector<float>{0} : read_f32(zero->view());
  // Where an element's number stands: parameters have its place along dimensions that are not 1.
  const auto index_of = [&](const Dims& dims, std::int64_t at) {
    std::int64_t index = 0;
    std::int64_t stride = 1;
    for (std::size_t back = 1; back <= x->dims.size(); ++back) {
      const std::int64_t place = at % x->dims[x->dims.size() - back];
      at /= x->dims[x->dims.size() - back];
      const std::int64_t own = back <= dims.size() ? dims[dims.size() - back] : 1;
      if (own != 1) index += place * stride;
      stride *= own;
    }
    return static_cast<std::size_t>(index);
  };
  const auto* from = x->view().as<std::int32_t>();
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const float offset = zeros.size() == 1 ? zeros[0] : zeros[index_of(zero->dims, i)];
    const float factor = scales.size() == 1 ? scales[0] : scales[index_of(scale->dims, i)];
    values[static_cast<std::size_t>(i)] = (static_cast<float>(from[i]) - offset) * factor;
  }
  n.result(0, n.constant(make_tensor(x->dims, values)), n.type(1));
  return true;
}

void import_dequantize(NodeContext& n) {
  n.check(is_integer(n.type(0)), "numbers of type {}", to_string(n.type(0)));
  const Parameters by = parameters_of(n);
  if (import_known_numbers(n, by)) return;
  ValueId x = n.cast(n.value(0), DType::kF32);
  if (by.zero != kNoValue) x = n.binary(BinaryKind::kSub, x, by.zero);
  n.result(0, n.binary(BinaryKind::kMul, x, by.scale), n.type(1));
}

void import_dynamic_quantize(NodeContext& n) {
  n.require_float();
  const DynamicallyQuantised y = dynamically_quantised(n, n.value(0));
  n.result(0, y.numbers, OnnxDataType::kUint8);
  n.result(1, y.scale);
  n.result(2, y.zero, OnnxDataType::kUint8);
}

}  // namespace

Shape along_axis(const NodeContext& n, std::size_t input, std::int64_t axis, std::int64_t rank) {
  const Shape& shape = n.shape(input);
  if (graph::product(shape) == Dim(1) && shape.size() <= 1) return {};
  n.check(shape.size() == 1, "input {} is {}: a number or a vector is expected", input,
          to_string(shape));
  Shape along(static_cast<std::size_t>(rank), Dim(1));
  along[static_cast<std::size_t>(n.axis(axis, rank))] = shape[0];
  return along;
}

ValueId centred(NodeContext& n, std::size_t input, std::size_t zero_point,
                const Shape& zero_shape) {
  n.check(is_integer(n.type(input)), "input {} is of type {}", input, to_string(n.type(input)));
  const ValueId x = n.cast(n.value(input), DType::kF32);
  if (!n.has(zero_point)) return x;
  const Integers* known = n.integers(zero_point);
  const bool none = known != nullptr && std::all_of(known->values.begin(), known->values.end(),
                                                    [](const Dim& d) { return d == Dim(0); });
  if (none) return x;
  const ValueId zero = n.reshape(n.cast(n.value(zero_point), DType::kF32), zero_shape);
  return n.binary(BinaryKind::kSub, x, zero);
}

ValueId saturated(NodeContext& n, ValueId x, ValueId zero, OnnxDataType type) {
  const auto [least, most] = limits_of(n, type);
  x = n.unary(UnaryKind::kRound, x);
  if (zero != kNoValue) x = n.binary(BinaryKind::kAdd, x, zero);
  x = n.binary(BinaryKind::kMax, x, n.scalar_constant(least));
  x = n.binary(BinaryKind::kMin, x, n.scalar_constant(most));
  const ValueId integers = n.cast(x, DType::kI32);
  n.importer().set_as_float(integers, x);
  return integers;
}

// Of zeros alone the scale is 1.
DynamicallyQuantised dynamically_quantised(NodeContext& n, ValueId x) {
  const ValueId none = n.scalar_constant(0.0F);
  const auto extreme = [&](ReduceKind kind, BinaryKind with_zero) {
    graph::Reduce reduce;
    reduce.kind = kind;
    reduce.keep = false;
    for (std::size_t i = 0; i < n.shape_of(x).size(); ++i) {
      reduce.axes.push_back(static_cast<std::int64_t>(i));
    }
    return n.binary(with_zero, reduce.axes.empty() ? x : n.add(reduce, {x}), none);
  };
  const ValueId least = extreme(ReduceKind::kMin, BinaryKind::kMin);
  const ValueId most = extreme(ReduceKind::kMax, BinaryKind::kMax);
  const ValueId range = n.binary(BinaryKind::kSub, most, least);
  const ValueId step = n.binary(BinaryKind::kDiv, range, n.scalar_constant(255.0F));
  const ValueId empty = n.add(graph::Compare{graph::CompareKind::kEqual}, {range, none});
  DynamicallyQuantised y;
  y.scale = n.add(graph::Select{}, {empty, n.scalar_constant(1.0F), step});
  y.zero = saturated(n, n.unary(UnaryKind::kNegate, n.binary(BinaryKind::kDiv, least, y.scale)),
                     kNoValue, OnnxDataType::kUint8);
  y.numbers = saturated(n, n.binary(BinaryKind::kDiv, x, y.scale), n.cast(y.zero, DType::kF32),
                        OnnxDataType::kUint8);
  return y;
}

const std::vector<Operator>& quantize_operators() {
  static const std::vector<Operator> list{
      {"DequantizeLinear", import_dequantize},
      {"DynamicQuantizeLinear", import_dynamic_quantize},
      {"QuantizeLinear", import_quantize},
  };
  return list;
}

}  // namespace lasso::onnx
