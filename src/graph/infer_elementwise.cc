// The rules of ops on elements and rows.
#include <algorithm>

#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

Results LayerNorm::infer(const Inputs& in) const {
  in.require_count(3, 3);
  in.require_float_from(0);
  in.require(output == DType::kF32 || is_half(output) || output == DType::kU8,
             "a result in float32, bfloat16, float16 or uint8");
  in.require_shape(1, {in.last(0)});
  in.require_shape(2, {in.last(0)});
  return result_rows(output, in.shape(0));
}

bool repeats(const Shape& part, const Shape& whole) {
  std::size_t ones = 0;
  while (ones + 1 < part.size() && part[ones] == Dim(1)) ++ones;
  const std::size_t rank = part.size() - ones;
  return !part.empty() && rank <= whole.size() &&
         std::equal(part.begin() + static_cast<std::ptrdiff_t>(ones), part.end(),
                    whole.end() - static_cast<std::ptrdiff_t>(rank));
}

Results AddNorm::infer(const Inputs& in) const {
  in.require_count(3, 5);
  in.require_float_from(0);
  in.require(output == DType::kF32 || is_half(output), "results in float32, bfloat16 or float16");
  in.require(!rounded || is_half(output), "a rounded result in bfloat16 or float16");
  in.require_shape(1, {in.last(0)});
  in.require_shape(2, {in.last(0)});
  for (const std::size_t i : {3, 4}) {
    if (in.has(i)) in.require(repeats(in.shape(i), in.shape(0)), "sums with x's last dimensions");
  }
  Results results;
  if (keep) results.push_back(result(DType::kF32, in.shape(0)));
  if (rounded) results.push_back(result(output, in.shape(0)));
  if (in.has(4)) results.push_back(result(output, in.shape(0)));
  in.require(!results.empty(), "a result");
  return results;
}

Results Binary::infer(const Inputs& in) const {
  in.require_count(2, 2);
  if (is_logical(kind)) {
    in.require_type(0, {DType::kBool, DType::kU8});
  } else {
    in.require_type(0, {DType::kF32, DType::kI32, DType::kI64});
  }
  in.require(in.dtype(0) == in.dtype(1), "operands of one type");
  in.require(activation == Activation::kNone || in.dtype(0) == DType::kF32,
             "float32 before an activation");
  return {result(in.dtype(0), in.broadcast(in.shape(0), in.shape(1)))};
}

Results Unary::infer(const Inputs& in) const {
  in.require_count(1, 1);
  const bool of_integers = kind == UnaryKind::kIdentity || kind == UnaryKind::kAbs ||
                           kind == UnaryKind::kNegate || kind == UnaryKind::kSign;
  if (of_integers) {
    in.require_type(0, {DType::kF32, DType::kI32, DType::kI64});
  } else {
    in.require_type(0, {kind == UnaryKind::kNot ? DType::kBool : DType::kF32});
  }
  const bool to_bool = kind == UnaryKind::kIsNan || kind == UnaryKind::kIsInf;
  return {result(to_bool ? DType::kBool : in.dtype(0), in.shape(0))};
}

Results LeakyRelu::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32});
  return {result(DType::kF32, in.shape(0))};
}

Results Compare::infer(const Inputs& in) const {
  in.require_count(2, 2);
  if (kind == CompareKind::kEqual) {
    in.require_type(0, {DType::kF32, DType::kI32, DType::kU8, DType::kBool});
  } else {
    in.require_type(0, {DType::kF32, DType::kI32, DType::kU8});
  }
  in.require(in.dtype(0) == in.dtype(1), "operands of one type");
  return {result(DType::kBool, in.broadcast(in.shape(0), in.shape(1)))};
}

Results Select::infer(const Inputs& in) const {
  in.require_count(3, 3);
  in.require_type(0, {DType::kBool});
  in.require(in.dtype(1) == in.dtype(2), "values of one type");
  const Shape values = in.broadcast(in.shape(1), in.shape(2));
  return {result(in.dtype(1), in.broadcast(in.shape(0), values))};
}

Results Reduce::infer(const Inputs& in) const {
  in.require_count(1, 1);
  if (kind == ReduceKind::kMean) {
    in.require_type(0, {DType::kF32});
  } else {
    in.require_type(0, {DType::kF32, DType::kI32, DType::kI64});
  }
  const auto rank = static_cast<std::int64_t>(in.shape(0).size());
  std::vector<bool> reduced(in.shape(0).size(), false);
  for (const std::int64_t axis : axes) {
    in.require(axis >= 0 && axis < rank && !reduced[static_cast<std::size_t>(axis)],
               "different axes of the input");
    reduced[static_cast<std::size_t>(axis)] = true;
  }
  Shape y;
  for (std::size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) y.push_back(in.shape(0)[i]);
    if (reduced[i] && keep) y.emplace_back(1);
  }
  return {result(in.dtype(0), std::move(y))};
}

Results ArgReduce::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32, DType::kI32});
  in.require(kind == ReduceKind::kMax || kind == ReduceKind::kMin, "the maximum or the minimum");
  Shape y = in.shape(0);
  in.require(axis >= 0 && static_cast<std::size_t>(axis) < y.size(), "an axis of the input");
  if (keep) {
    y[static_cast<std::size_t>(axis)] = 1;
  } else {
    y.erase(y.begin() + axis);
  }
  return {result(DType::kI32, std::move(y))};
}

Results CumSum::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32, DType::kI32});
  in.require(axis >= 0 && axis < static_cast<std::int64_t>(in.shape(0).size()),
             "an axis of the input");
  return {result(in.dtype(0), in.shape(0))};
}

Results Softmax::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32});
  in.require(axis >= 0 && axis < static_cast<std::int64_t>(in.shape(0).size()),
             "an axis of the input");
  return {result(DType::kF32, in.shape(0))};
}

Results Quantize::infer(const Inputs& in) const {
  in.require_count(1, 2);
  in.require_type(0, {DType::kF32, DType::kBF16});
  in.require_float_from(1);
  if (in.has(1)) in.require_shape(1, {in.last(0)});
  return result_rows(DType::kU8, in.shape(0));
}

Results QuantizeTensor::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32, DType::kBF16});
  in.require(is_scheme(scheme), "a positive scale and a zero from 0 to 255");
  return {result(DType::kU8, in.shape(0))};
}

Results Cast::infer(const Inputs& in) const {
  in.require_count(1, 1);
  return {result(to, in.shape(0))};
}

}  // namespace lasso::graph
