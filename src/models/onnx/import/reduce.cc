// Operators that reduce dimensions, and softmax.
#include <algorithm>
#include <functional>
#include <numeric>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::ReduceKind;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

struct ReducedAxes {
  Axes axes;
  bool keep = true;
  bool none = false;  // nothing is reduced
};

ReducedAxes reduced_axes(NodeContext& n) {
  ReducedAxes reduced;
  reduced.keep = n.integer("keepdims", 1) != 0;
  const auto given = n.axes_of(1);
  if (given && !given->empty()) {
    reduced.axes = n.axes(*given, n.rank(0));
    std::sort(reduced.axes.begin(), reduced.axes.end());
    return reduced;
  }
  reduced.none = n.integer("noop_with_empty_axes", 0) != 0;
  if (reduced.none) return reduced;
  reduced.axes.resize(n.shape(0).size());
  std::iota(reduced.axes.begin(), reduced.axes.end(), 0);
  return reduced;
}

ValueId reduce(NodeContext& n, ReduceKind kind, const ReducedAxes& reduced, ValueId x) {
  if (reduced.none || reduced.axes.empty()) return x;
  graph::Reduce op;
  op.kind = kind;
  op.axes = reduced.axes;
  op.keep = reduced.keep;
  return n.add(op, {x});
}

// log(sum(exp x)), with the maximum taken out of the exponent.
ValueId log_sum_exp(NodeContext& n, const ReducedAxes& reduced, ValueId x) {
  ReducedAxes kept = reduced;
  kept.keep = true;
  // An infinite maximum is not taken out: infinity less itself is no number.
  const ValueId largest = reduce(n, ReduceKind::kMax, kept, x);
  const ValueId most = n.add(
      graph::Select{}, {n.unary(UnaryKind::kIsInf, largest), n.scalar_constant(0.0F), largest});
  const ValueId shifted = n.unary(UnaryKind::kExp, n.binary(BinaryKind::kSub, x, most));
  const ValueId sum = n.unary(UnaryKind::kLog, reduce(n, ReduceKind::kSum, kept, shifted));
  const ValueId y = n.binary(BinaryKind::kAdd, sum, most);
  Shape shape;
  for (std::size_t i = 0; i < n.shape_of(y).size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i);
    const bool gone =
        std::find(reduced.axes.begin(), reduced.axes.end(), axis) != reduced.axes.end();
    if (!gone || reduced.keep) shape.push_back(n.shape_of(y)[i]);
  }
  return n.reshape(y, shape);
}

// Of known integers in one list; nothing for other reductions.
bool import_known_reduction(NodeContext& n, const ReducedAxes& reduced) {
  const Integers* known = n.integers(0);
  if (known == nullptr || known->values.empty() || reduced.none) return false;
  if (reduced.axes.size() != known->dims.size()) return false;
  const std::string& op = n.op_type();
  const std::string_view by = op == "ReduceProd"  ? "Mul"
                              : op == "ReduceSum" ? "Add"
                              : op == "ReduceMax" ? "Max"
                              : op == "ReduceMin" ? "Min"
                                                  : "";
  if (by.empty()) return false;
  Integers result = scalar_integer(known->values.front());
  for (std::size_t i = 1; i < known->values.size(); ++i) {
    auto next =
        combine(by, result, scalar_integer(known->values[i]), n.importer().counted_symbols());
    if (!next) return false;
    result = std::move(*next);
  }
  if (reduced.keep) result.dims.assign(known->dims.size(), 1);
  n.result(0, std::move(result), n.type(0));
  return true;
}

void import_reduce(NodeContext& n) {
  const ReducedAxes reduced = reduced_axes(n);
  if (import_known_reduction(n, reduced)) return;
  const std::string kind = n.op_type().substr(6);
  ValueId x = n.value(0);
  if (kind == "Max" || kind == "Min") {
    // Of truths: whether one is, or all are.
    const bool truths = n.dtype_of(x) == DType::kBool;
    if (truths) x = n.cast(x, DType::kI32);
    x = reduce(n, kind == "Max" ? ReduceKind::kMax : ReduceKind::kMin, reduced, x);
    return n.result(0, truths ? n.cast(x, DType::kBool) : x);
  }
  if (kind == "Sum") return n.result(0, reduce(n, ReduceKind::kSum, reduced, x));
  if (kind == "Prod") return n.result(0, reduce(n, ReduceKind::kProd, reduced, x));
  if (kind == "Mean") {
    const DType type = n.dtype_of(x);
    return n.result(0, n.cast(reduce(n, ReduceKind::kMean, reduced, n.cast(x, DType::kF32)), type));
  }
  if (kind == "L1") {
    return n.result(0, reduce(n, ReduceKind::kSum, reduced, n.unary(UnaryKind::kAbs, x)));
  }
  const DType type = n.dtype_of(x);
  x = n.cast(x, DType::kF32);
  const auto squares = [&] {
    return reduce(n, ReduceKind::kSum, reduced, n.binary(BinaryKind::kMul, x, x));
  };
  ValueId y = 0;
  if (kind == "L2") {
    y = n.unary(UnaryKind::kSqrt, squares());
  } else if (kind == "SumSquare") {
    y = squares();
  } else if (kind == "LogSum") {
    y = n.unary(UnaryKind::kLog, reduce(n, ReduceKind::kSum, reduced, x));
  } else {
    y = reduced.none ? x : log_sum_exp(n, reduced, x);
  }
  n.result(0, n.cast(y, type));
}

// Before version 13, the dimensions from the axis on are one.
struct SoftmaxRows {
  ValueId x = 0;
  std::int64_t axis = 0;
};

SoftmaxRows softmax_rows(NodeContext& n) {
  const bool merged = n.opset() < 13;
  const std::int64_t rank = n.rank(0);
  n.check(rank > 0, "the input is a scalar");
  const std::int64_t axis = n.axis(n.integer("axis", merged ? 1 : -1), rank);
  if (!merged || axis == rank - 1) return {n.value(0), axis};
  const Shape& x = n.shape(0);
  const auto at = x.begin() + axis;
  return {n.reshape(n.value(0), {graph::product({x.begin(), at}), graph::product({at, x.end()})}),
          1};
}

void import_softmax(NodeContext& n) {
  n.require_float();
  const SoftmaxRows rows = softmax_rows(n);
  if (n.op_type() == "Softmax") {
    const ValueId y = n.add(graph::Softmax{rows.axis}, {rows.x});
    return n.result(0, n.reshape(y, n.shape(0)));
  }
  ReducedAxes reduced;
  reduced.axes = {rows.axis};
  const ValueId y = n.binary(BinaryKind::kSub, rows.x, log_sum_exp(n, reduced, rows.x));
  n.result(0, n.reshape(y, n.shape(0)));
}

}  // namespace

const std::vector<Operator>& reduce_operators() {
  static const std::vector<Operator> list = [] {
    std::vector<Operator> all{{"LogSoftmax", import_softmax}, {"Softmax", import_softmax}};
    for (const std::string_view name :
         {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
          "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
      all.push_back({name, import_reduce});
    }
    return all;
  }();
  return list;
}

}  // namespace lasso::onnx
