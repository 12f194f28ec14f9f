// Layers with weights, and functions of elements and rows, by plainer ops.
#include <numbers>
#include <utility>

#include "passes/expansion.h"
#include "quant/number_schemes.h"

namespace lasso::passes {

using graph::Activation;
using graph::BinaryKind;
using graph::Dim;
using graph::kNoValue;
using graph::Reduce;
using graph::ReduceKind;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

// Over the last dimension, which stays as 1.
ValueId reduce_rows(Expansion& e, const std::string& name, ReduceKind kind, ValueId x) {
  const auto last = static_cast<std::int64_t>(e.shape(x).size()) - 1;
  return e.add(name, Reduce{kind, {last}, true}, {x});
}

// What follows the products of a linear layer: y = activation(x + b) + r, in op.output.
Expanded finish_linear(const graph::Linear& op, Expansion& e, ValueId x) {
  if (e.has(2)) x = e.binary("biased", BinaryKind::kAdd, x, e.input(2));
  x = e.activate(x, op.activation);
  if (e.has(3)) x = e.binary("sum", BinaryKind::kAdd, x, e.input(3));
  return e.rows(x, op.output, e.has(6) ? e.input(6) : kNoValue);
}

// scales[m] s[n] sum_k (x[m, k] - 128) Q[n, k], where row n of W diag(gain) is s[n] Q[n, :].
Expanded expand_int8(const graph::Linear& op, Expansion& e) {
  const std::vector<float> weights = e.constant_values(1);
  const std::vector<float> gain = e.constant_values(5);
  const Shape shape = e.shape(e.input(1));
  if (weights.empty() || (e.has(5) && gain.empty())) return {};
  const std::int64_t n = shape[0].constant();
  const std::int64_t k = shape[1].constant();
  const quant::Int8Weights int8 =
      quant::quantize_weights({DType::kF32, {n, k}, weights.data()}, gain);
  const std::vector<float> q(int8.q.begin(), int8.q.end());
  const ValueId rows = e.binary("centred", BinaryKind::kSub, e.to_float("float32", e.input(0)),
                                e.scalar("centre", 128.0F));
  const ValueId sums = e.product("sums", rows, e.constant("weights", make_tensor({n, k}, q)));
  Shape column = e.shape(e.input(4));
  column.push_back(1);
  const ValueId scales =
      e.binary("scales", BinaryKind::kMul, e.reshape("row_scales", e.input(4), column),
               e.constant("weight_scales", make_tensor({n}, int8.scales)));
  return finish_linear(op, e, e.binary("scaled", BinaryKind::kMul, sums, scales));
}

}  // namespace

Expanded expand(const graph::Linear& op, Expansion& e) {
  if (op.weights == DType::kI8) return expand_int8(op, e);
  const ValueId x = e.rounded("x", e.input(0), op.weights);
  const ValueId w = e.rounded("weights", e.input(1), op.weights);
  return finish_linear(op, e, e.product("product", x, w));
}

Expanded expand(const graph::MatMul& op, Expansion& e) {
  if (op.activation == Activation::kNone) return {};
  return {e.activate(e.product("product", e.input(0), e.input(1)), op.activation)};
}

Expanded expand(const graph::Conv2d& op, Expansion& e) {
  const bool is_joined = e.has(graph::Conv2d::kFirstJoined);
  graph::Conv2d plain = op;
  plain.activation = Activation::kNone;
  plain.weights = DType::kF32;
  plain.output = DType::kF32;
  plain.result = {};
  if ((plain == op && !is_joined) || op.weights == DType::kI8) return {};
  std::vector<ValueId> images{e.input(0)};
  for (std::size_t i = graph::Conv2d::kFirstJoined; e.has(i); ++i) images.push_back(e.input(i));
  const ValueId image = is_joined ? e.add("joined", graph::Concat{3}, images) : images.front();
  std::vector<ValueId> inputs{e.rounded("x", image, op.weights),
                              e.rounded("weights", e.input(1), op.weights)};
  if (e.has(2)) inputs.push_back(e.input(2));
  const ValueId y = e.activate(e.add("convolved", plain, inputs), op.activation);
  if (op.output == DType::kU8) return {e.add("uint8", graph::QuantizeTensor{op.result}, {y})};
  return e.rows(y, op.output, kNoValue);
}

Expanded expand(const graph::Deconv2d& op, Expansion& e) {
  if (op.activation == Activation::kNone) return {};
  graph::Deconv2d plain = op;
  plain.activation = Activation::kNone;
  std::vector<ValueId> inputs{e.input(0), e.input(1)};
  if (e.has(2)) inputs.push_back(e.input(2));
  return {e.activate(e.add("convolved", plain, inputs), op.activation)};
}

// A product gives the s x s pixels that each pixel becomes.
Expanded expand(const graph::ConvTranspose2d& op, Expansion& e) {
  const ValueId x = e.rounded("x", e.input(0), op.weights);
  const ValueId w = e.rounded("weights", e.input(1), op.weights);
  const Shape image = e.shape(x);
  const Dim filters = e.shape(w)[1];
  const Dim s = op.stride;
  const ValueId rows = e.reshape("weight_rows", e.transpose("weights_by_tap", w, {2, 3, 1, 0}),
                                 {s * s * filters, image[3]});
  ValueId y = e.reshape("pixels", e.product("product", x, rows),
                        {image[0], image[1], image[2], s, s, filters});
  y = e.transpose("rows_of_pixels", y, {0, 1, 3, 2, 4, 5});
  y = e.reshape("image", y, {image[0], image[1] * s, image[2] * s, filters});
  if (e.has(2)) y = e.binary("biased", BinaryKind::kAdd, y, e.input(2));
  return e.rows(e.activate(y, op.activation), op.output, kNoValue);
}

Expanded expand(const graph::UpscaledProduct& op, Expansion& e) {
  std::vector<ValueId> inputs{e.input(1), e.input(2)};
  if (e.has(3)) inputs.push_back(e.input(3));
  const ValueId image =
      e.add("image", graph::ConvTranspose2d{op.stride, op.activation, op.weights}, inputs);
  const Shape shape = e.shape(image);
  const ValueId pixels = e.reshape("pixels", image, {shape[0], shape[1] * shape[2], shape[3]});
  return {e.add("product", graph::MatMul{}, {e.input(0), pixels})};
}

Expanded expand(const graph::MaskUpscaling& op, Expansion& e) {
  const auto upscaled = [&](const std::string& name, ValueId x, std::size_t weights,
                            Activation activation) {
    std::vector<ValueId> inputs{x, e.input(weights)};
    if (e.has(weights + 1)) inputs.push_back(e.input(weights + 1));
    return e.add(name, graph::ConvTranspose2d{op.stride, activation, op.weights}, inputs);
  };
  const ValueId middle = upscaled("middle", e.input(1), 2, Activation::kNone);
  const ValueId normed =
      e.add("normed", graph::LayerNorm{op.epsilon, op.first}, {middle, e.input(4), e.input(5)});
  const ValueId image = upscaled("image", normed, 6, op.second);
  const Shape shape = e.shape(image);
  const ValueId pixels = e.reshape("pixels", image, {shape[0], shape[1] * shape[2], shape[3]});
  return {e.add("product", graph::MatMul{}, {e.input(0), pixels})};
}

Expanded expand(const graph::LayerNorm& op, Expansion& e) {
  const ValueId x = e.input(0);
  const ValueId mean = reduce_rows(e, "mean", ReduceKind::kMean, x);
  const ValueId difference = e.binary("difference", BinaryKind::kSub, x, mean);
  const ValueId square = e.binary("square", BinaryKind::kMul, difference, difference);
  const ValueId variance = e.binary("variance", BinaryKind::kAdd,
                                    reduce_rows(e, "mean_square", ReduceKind::kMean, square),
                                    e.scalar("epsilon", op.epsilon));
  const ValueId scale =
      e.unary("scale", UnaryKind::kReciprocal, e.unary("deviation", UnaryKind::kSqrt, variance));
  ValueId y = e.binary("normalised", BinaryKind::kMul, difference, scale);
  y = e.binary("gained", BinaryKind::kMul, y, e.input(1));
  y = e.binary("shifted", BinaryKind::kAdd, y, e.input(2));
  return e.rows(e.activate(y, op.activation), op.output, kNoValue);
}

Expanded expand(const graph::AddNorm& op, Expansion& e) {
  ValueId z = e.input(0);
  if (e.has(3)) z = e.binary("sum", BinaryKind::kAdd, z, e.input(3));
  z = e.add("normed", graph::LayerNorm{op.epsilon}, {z, e.input(1), e.input(2)});
  Expanded results;
  if (op.keep) results.push_back(z);
  if (op.rounded) results.push_back(e.add("rounded", graph::Cast{op.output}, {z}));
  if (e.has(4)) {
    const ValueId sum = e.binary("shifted", BinaryKind::kAdd, z, e.input(4));
    results.push_back(e.rows(sum, op.output, kNoValue).front());
  }
  return results;
}

// The sign of max|x| is 0 for a row of zeros, whose scale is 1.
Expanded expand(const graph::Quantize& /*op*/, Expansion& e) {
  ValueId x = e.to_float("float32", e.input(0));
  if (e.has(1)) x = e.binary("gained", BinaryKind::kMul, x, e.input(1));
  const ValueId largest =
      reduce_rows(e, "largest", ReduceKind::kMax, e.unary("size", UnaryKind::kAbs, x));
  const ValueId step = e.binary("step", BinaryKind::kDiv, largest, e.scalar("steps", 127.0F));
  const ValueId is_zero = e.binary("is_zero", BinaryKind::kSub, e.scalar("one", 1.0F),
                                   e.unary("is_positive", UnaryKind::kSign, largest));
  const ValueId scale = e.binary("scale", BinaryKind::kAdd, step, is_zero);
  ValueId q =
      e.binary("in_steps", BinaryKind::kMul, x, e.unary("inverse", UnaryKind::kReciprocal, scale));
  q = e.unary("rounded", UnaryKind::kRound, q);
  q = e.binary("from_below", BinaryKind::kMax, q, e.scalar("least", -127.0F));
  q = e.binary("from_above", BinaryKind::kMin, q, e.scalar("most", 127.0F));
  q = e.binary("positive", BinaryKind::kAdd, q, e.scalar("centre", 128.0F));
  Shape rows = e.shape(x);
  rows.pop_back();
  return {e.add("uint8", graph::Cast{DType::kU8}, {q}), e.reshape("scales", scale, rows)};
}

Expanded expand(const graph::Softmax& op, Expansion& e) {
  const auto reduce = [&](const char* name, ReduceKind kind, ValueId x) {
    return e.add(name, Reduce{kind, {op.axis}, true}, {x});
  };
  const ValueId x = e.input(0);
  const ValueId power =
      e.unary("power", UnaryKind::kExp,
              e.binary("below_max", BinaryKind::kSub, x, reduce("max", ReduceKind::kMax, x)));
  return {e.binary("quotient", BinaryKind::kDiv, power, reduce("sum", ReduceKind::kSum, power))};
}

Expanded expand(const graph::Binary& op, Expansion& e) {
  if (op.activation == Activation::kNone) return {};
  return {e.activate(e.binary("combined", op.kind, e.input(0), e.input(1)), op.activation)};
}

Expanded expand(const graph::Unary& op, Expansion& e) {
  const ValueId x = e.input(0);
  const auto one = [&] { return e.scalar("one", 1.0F); };
  switch (op.kind) {
    case UnaryKind::kGelu: {
      const ValueId scaled = e.binary("scaled", BinaryKind::kMul, x,
                                      e.scalar("root_half", std::numbers::sqrt2_v<float> / 2));
      const ValueId probability =
          e.binary("twice", BinaryKind::kAdd, e.unary("erf", UnaryKind::kErf, scaled), one());
      const ValueId half = e.binary("half", BinaryKind::kMul, x, e.scalar("one_half", 0.5F));
      return {e.binary("gelu", BinaryKind::kMul, half, probability)};
    }
    case UnaryKind::kRelu:
      return {e.binary("relu", BinaryKind::kMax, x, e.scalar("zero", 0.0F))};
    case UnaryKind::kSigmoid: {
      const ValueId power =
          e.unary("power", UnaryKind::kExp, e.unary("negated", UnaryKind::kNegate, x));
      return {e.unary("sigmoid", UnaryKind::kReciprocal,
                      e.binary("denominator", BinaryKind::kAdd, power, one()))};
    }
    case UnaryKind::kSilu:
      return {e.binary("silu", BinaryKind::kMul, x, e.unary("sigmoid", UnaryKind::kSigmoid, x))};
    default:
      return {};
  }
}

}  // namespace lasso::passes
