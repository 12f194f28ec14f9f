// Products and convolutions of integers, in float32: sums of them are exact below 2^24, and have
// float32's relative error beyond.
#include <utility>

#include "models/onnx/import/operators.h"
#include "models/onnx/import/products.h"
#include "models/onnx/import/quantize.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

// int32 sums that float32 holds, for readers of either.
void integer_result(NodeContext& n, ValueId sums) {
  const ValueId integers = n.cast(sums, DType::kI32);
  n.importer().set_as_float(integers, sums);
  n.result(0, integers, OnnxDataType::kInt32);
}

// A factor's numbers of one scale each: of the left one for each row, of the right for each column.
Shape factor_shape(const NodeContext& n, std::size_t input, std::size_t factor, bool rows) {
  if (!n.has(input)) return {};
  const Shape& shape = n.shape(input);
  if (graph::product(shape) == Dim(1)) return {};
  if (shape.size() == n.shape(factor).size()) return shape;
  n.check(shape.size() == 1, "input {} is {}: a number or a vector is expected", input,
          to_string(shape));
  return rows ? Shape{shape[0], 1} : Shape{shape[0]};
}

// Of a convolution's weights: for each filter.
Shape filter_shape(const NodeContext& n, std::size_t input, std::size_t weights) {
  return n.has(input) ? along_axis(n, input, 0, n.rank(weights)) : Shape{};
}

void import_matmul_integer(NodeContext& n) {
  const ValueId a = centred(n, 0, 2, factor_shape(n, 2, 0, true));
  const ValueId b = centred(n, 1, 3, factor_shape(n, 3, 1, false));
  integer_result(n, matrix_product(n, a, b));
}

void import_conv_integer(NodeContext& n) {
  const ValueId x = centred(n, 0, 2, {});
  const ValueId weights = centred(n, 1, 3, filter_shape(n, 3, 1));
  integer_result(n, convolved(n, x, weights, kNoValue));
}

// A product's sums as numbers of the result's scale.
void quantised_result(NodeContext& n, ValueId sums, ValueId scale, std::size_t result_scale) {
  n.check(graph::product(n.shape(result_scale)) == Dim(1), "input {} is {}: a number is expected",
          result_scale, to_string(n.shape(result_scale)));
  const ValueId by =
      n.binary(BinaryKind::kDiv, scale, n.reshape(n.cast(n.value(result_scale), DType::kF32), {}));
  const std::size_t zero = result_scale + 1;
  const ValueId offset = n.has(zero) ? n.reshape(n.cast(n.value(zero), DType::kF32), {}) : kNoValue;
  const OnnxDataType type = n.has(zero) ? n.type(zero) : OnnxDataType::kUint8;
  n.result(0, saturated(n, n.binary(BinaryKind::kMul, sums, by), offset, type), type);
}

ValueId scale_of(NodeContext& n, std::size_t input, const Shape& shape) {
  return n.reshape(n.cast(n.value(input), DType::kF32), shape);
}

void import_quantised_matmul(NodeContext& n) {
  const ValueId a = centred(n, 0, 2, factor_shape(n, 2, 0, true));
  const ValueId b = centred(n, 3, 5, factor_shape(n, 5, 3, false));
  const ValueId scale = n.binary(BinaryKind::kMul, scale_of(n, 1, factor_shape(n, 1, 0, true)),
                                 scale_of(n, 4, factor_shape(n, 4, 3, false)));
  quantised_result(n, matrix_product(n, a, b), scale, 6);
}

// The bias is of the scale of the sums.
void import_quantised_conv(NodeContext& n) {
  const ValueId x = centred(n, 0, 2, {});
  const ValueId weights = centred(n, 3, 5, filter_shape(n, 5, 3));
  const ValueId bias = n.has(8) ? n.cast(n.value(8), DType::kF32) : kNoValue;
  Shape by_channel = filter_shape(n, 4, 3);
  if (!by_channel.empty()) by_channel = {by_channel[0]};
  for (std::int64_t i = 2; !by_channel.empty() && i < n.rank(0); ++i) by_channel.emplace_back(1);
  const ValueId scale = n.binary(BinaryKind::kMul, scale_of(n, 1, {}), scale_of(n, 4, by_channel));
  quantised_result(n, convolved(n, x, weights, bias), scale, 6);
}

}  // namespace

const std::vector<Operator>& quantized_product_operators() {
  static const std::vector<Operator> list{
      {"ConvInteger", import_conv_integer},
      {"MatMulInteger", import_matmul_integer},
      {"QLinearConv", import_quantised_conv},
      {"QLinearMatMul", import_quantised_matmul},
  };
  return list;
}

}  // namespace lasso::onnx
