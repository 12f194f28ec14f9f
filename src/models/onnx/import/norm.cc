// Operators that normalise.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/convert.h"
#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::ReduceKind;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

ValueId add(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kAdd, a, b); }
ValueId subtract(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kSub, a, b); }
ValueId multiply(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kMul, a, b); }
ValueId divide(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kDiv, a, b); }

ValueId mean(NodeContext& n, ValueId x, const Axes& axes) {
  graph::Reduce reduce;
  reduce.kind = ReduceKind::kMean;
  reduce.axes = axes;
  return n.add(reduce, {x});
}

struct Standardised {
  ValueId mean = 0;
  ValueId inverse_deviation = 0;  // 1 / sqrt(variance + epsilon)
  ValueId y = 0;                  // (x - mean) / sqrt(variance + epsilon)
};

Standardised standardise(NodeContext& n, ValueId x, const Axes& axes, float epsilon) {
  Standardised result;
  result.mean = mean(n, x, axes);
  const ValueId centred = subtract(n, x, result.mean);
  const ValueId variance = mean(n, multiply(n, centred, centred), axes);
  const ValueId deviation = n.unary(UnaryKind::kSqrt, add(n, variance, n.scalar_constant(epsilon)));
  result.inverse_deviation = n.unary(UnaryKind::kReciprocal, deviation);
  result.y = divide(n, centred, deviation);
  return result;
}

ValueId standardised(NodeContext& n, ValueId x, const Axes& axes, float epsilon) {
  return standardise(n, x, axes, epsilon).y;
}

Axes axes_from(std::int64_t first, std::int64_t rank) {
  Axes axes(static_cast<std::size_t>(std::max<std::int64_t>(0, rank - first)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

// A vector of channels as [C, 1, ..., 1], which broadcasts to [B, C, ...].
ValueId by_channel(NodeContext& n, ValueId vector, std::int64_t rank) {
  n.check(n.shape_of(vector).size() == 1, "{} in place of a vector", to_string(n.shape_of(vector)));
  Shape shape(static_cast<std::size_t>(rank - 1), Dim(1));
  shape[0] = n.shape_of(vector)[0];
  return n.reshape(vector, shape);
}

// A vector of one number; of a size that is known.
std::optional<ValueId> filled(NodeContext& n, const Dim& size, float value) {
  if (!size.is_constant()) return {};
  n.charge({size.constant()});
  const std::vector<float> values(static_cast<std::size_t>(size.constant()), value);
  return n.constant(make_tensor({size.constant()}, values));
}

void refuse_statistics(const NodeContext& n) {
  for (std::size_t i = 1; i < n.output_count(); ++i) {
    if (n.wants(i)) n.unsupported("its result {}", i);
  }
}

void import_layer_norm(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  const std::int64_t axis = n.axis(n.integer("axis", -1), rank);
  const float epsilon = n.number("epsilon", 1e-5F);
  const Shape x = n.shape(0);
  if (n.wants(1) || n.wants(2)) {
    const Standardised statistics = standardise(n, n.value(0), axes_from(axis, rank), epsilon);
    n.result(1, statistics.mean);
    n.result(2, statistics.inverse_deviation);
  }
  const Dim width = graph::product({x.begin() + axis, x.end()});
  const ValueId scale = n.value(1);
  const bool whole = graph::product(n.shape_of(scale)) == width;
  const bool whole_bias = !n.has(2) || graph::product(n.shape(2)) == width;
  const auto zeros = filled(n, width, 0.0F);
  if (whole && whole_bias && (n.has(2) || zeros)) {
    graph::LayerNorm norm;
    norm.epsilon = epsilon;
    Shape rows(x.begin(), x.begin() + axis);
    rows.push_back(width);
    const ValueId bias = n.has(2) ? n.reshape(n.value(2), {width}) : *zeros;
    const ValueId y = n.add(norm, {n.reshape(n.value(0), rows), n.reshape(scale, {width}), bias});
    return n.result(0, n.reshape(y, x));
  }
  ValueId y = multiply(n, standardised(n, n.value(0), axes_from(axis, rank), epsilon), scale);
  if (n.has(2)) y = add(n, y, n.value(2));
  n.result(0, y);
}

// x / sqrt(mean of x^2 + epsilon) * scale
void import_rms_norm(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  const Axes axes = axes_from(n.axis(n.integer("axis", -1), rank), rank);
  const ValueId x = n.value(0);
  const ValueId epsilon = n.scalar_constant(n.number("epsilon", 1e-5F));
  const ValueId size = add(n, mean(n, multiply(n, x, x), axes), epsilon);
  n.result(0, multiply(n, divide(n, x, n.unary(UnaryKind::kSqrt, size)), n.value(1)));
}

// By the statistics of the training set, so that it is x factor + term of each channel.
void import_batch_norm(NodeContext& n) {
  if (n.integer("training_mode", 0) != 0) n.unsupported("training");
  if (n.integer("spatial", 1) == 0) n.unsupported("statistics of each pixel");
  refuse_statistics(n);
  const float epsilon = n.number("epsilon", 1e-5F);
  const ValueId deviation =
      n.unary(UnaryKind::kSqrt, add(n, n.value(4), n.scalar_constant(epsilon)));
  const ValueId factor = divide(n, n.value(1), deviation);
  const ValueId term = subtract(n, n.value(2), multiply(n, n.value(3), factor));
  const std::int64_t rank = n.rank(0);
  if (rank < 2) return n.result(0, add(n, multiply(n, n.value(0), factor), term));
  const ValueId y = multiply(n, n.value(0), by_channel(n, factor, rank));
  n.result(0, add(n, y, by_channel(n, term, rank)));
}

void import_instance_norm(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  n.check(rank >= 3, "the input has {} dimensions", rank);
  const ValueId y = standardised(n, n.value(0), axes_from(2, rank), n.number("epsilon", 1e-5F));
  n.result(
      0, add(n, multiply(n, y, by_channel(n, n.value(1), rank)), by_channel(n, n.value(2), rank)));
}

void import_group_norm(NodeContext& n) {
  const std::int64_t groups = n.integer("num_groups", 0);
  const Shape x = n.shape(0);
  const std::int64_t rank = n.rank(0);
  n.check(groups > 0 && rank >= 3, "{} groups of {} dimensions", groups, rank);
  const auto channels = x[1].divided_by(groups);
  n.check(channels.has_value(), "{} channels in {} groups", to_string(x[1]), groups);
  Shape grouped{x[0], groups, *channels};
  grouped.insert(grouped.end(), x.begin() + 2, x.end());
  ValueId y = standardised(n, n.reshape(n.value(0), grouped), axes_from(2, rank + 1),
                           n.number("epsilon", 1e-5F));
  n.check(n.rank(1) == 1, "a scale of {} dimensions", n.rank(1));
  // A number for each group until version 21, for each channel from then on.
  if (n.shape(1)[0] == x[1]) {
    y = n.reshape(y, x);
    y = add(n, multiply(n, y, by_channel(n, n.value(1), rank)), by_channel(n, n.value(2), rank));
  } else {
    y = add(n, multiply(n, y, by_channel(n, n.value(1), rank + 1)),
            by_channel(n, n.value(2), rank + 1));
  }
  n.result(0, n.reshape(y, x));
}

void import_lp_norm(NodeContext& n) {
  const std::int64_t p = n.integer("p", 2);
  n.check(p == 1 || p == 2, "attribute p is {}", p);
  graph::Reduce reduce;
  reduce.axes = {n.axis(n.integer("axis", -1), n.rank(0))};
  const ValueId x = n.value(0);
  const ValueId parts = p == 1 ? n.unary(UnaryKind::kAbs, x) : multiply(n, x, x);
  ValueId size = n.add(reduce, {parts});
  if (p == 2) size = n.unary(UnaryKind::kSqrt, size);
  // A vector of zeros stays one.
  const ValueId zero = n.scalar_constant(0.0F);
  const ValueId none = n.add(graph::Compare{graph::CompareKind::kEqual}, {size, zero});
  const ValueId divisor = n.add(graph::Select{}, {none, n.scalar_constant(1.0F), size});
  n.result(0, divide(n, x, divisor));
}

void import_mean_variance_norm(NodeContext& n) {
  const auto given = n.integer_list("axes");
  const Axes axes = n.axes(given.value_or(std::vector<std::int64_t>{0, 2, 3}), n.rank(0));
  const ValueId x = n.value(0);
  const ValueId centred = subtract(n, x, mean(n, x, axes));
  const ValueId deviation = n.unary(UnaryKind::kSqrt, mean(n, multiply(n, centred, centred), axes));
  n.result(0, divide(n, centred, add(n, deviation, n.scalar_constant(1e-9F))));
}

}  // namespace

const std::vector<Operator>& norm_operators() {
  static const std::vector<Operator> list{
      {"BatchNormalization", import_batch_norm},
      {"GroupNormalization", import_group_norm},
      {"InstanceNormalization", import_instance_norm},
      {"LayerNormalization", import_layer_norm},
      {"LpNormalization", import_lp_norm},
      {"MeanVarianceNormalization", import_mean_variance_norm},
      {"RMSNormalization", import_rms_norm},
  };
  return list;
}

}  // namespace lasso::onnx
