// Operators that read and write where tensors say, and that order elements.
#include <algorithm>
#include <numeric>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::ReduceKind;
using graph::Shape;
using graph::ValueId;

namespace {

void import_gather_elements(NodeContext& n) {
  const std::int64_t axis = n.axis(n.integer("axis", 0), n.rank(0));
  n.result(0, n.add(graph::GatherElements{axis}, {n.value(0), n.value(1)}));
}

void import_gather_nd(NodeContext& n) {
  n.result(0, n.add(graph::GatherNd{n.integer("batch_dims", 0)}, {n.value(0), n.value(1)}));
}

graph::Reduction reduction(const NodeContext& n) {
  const std::string name = n.text("reduction", "none");
  if (name == "none") return graph::Reduction::kNone;
  if (name == "add") return graph::Reduction::kAdd;
  if (name == "mul") return graph::Reduction::kMul;
  if (name == "max") return graph::Reduction::kMax;
  n.check(name == "min", "attribute reduction is \"{}\"", name);
  return graph::Reduction::kMin;
}

void import_scatter_elements(NodeContext& n) {
  const std::int64_t axis = n.axis(n.integer("axis", 0), n.rank(0));
  n.result(0,
           n.add(graph::ScatterElements{axis, reduction(n)}, {n.value(0), n.value(1), n.value(2)}));
}

void import_scatter_nd(NodeContext& n) {
  n.result(0, n.add(graph::ScatterNd{reduction(n)}, {n.value(0), n.value(1), n.value(2)}));
}

void import_arg_reduce(NodeContext& n) {
  graph::ArgReduce op;
  op.kind = n.op_type() == "ArgMax" ? ReduceKind::kMax : ReduceKind::kMin;
  op.axis = n.axis(n.integer("axis", 0), n.rank(0));
  op.keep = n.integer("keepdims", 1) != 0;
  op.last = n.integer("select_last_index", 0) != 0;
  n.result(0, n.add(op, {n.value(0)}), OnnxDataType::kInt64);
}

void import_top_k(NodeContext& n) {
  graph::TopK op;
  op.axis = n.axis(n.integer("axis", -1), n.rank(0));
  op.largest = n.integer("largest", 1) != 0;
  if (n.opset() < 10) {
    op.k = n.integer("k", 1);
  } else {
    const std::vector<Dim> k = n.sizes(1, "k");
    n.check(k.size() == 1, "k has {} elements", k.size());
    op.k = k.front();
  }
  const Dim& size = n.shape(0)[static_cast<std::size_t>(op.axis)];
  n.importer().require_positive(size - op.k + 1);
  n.importer().require_at_most(op.k, size);
  const std::vector<ValueId> results = n.add_results(op, {n.value(0)});
  n.result(0, results.at(0));
  n.result(1, results.at(1), OnnxDataType::kInt64);
}

void import_cum_sum(NodeContext& n) {
  graph::CumSum op;
  op.axis = n.axis(n.number(1, "the axis"), n.rank(0));
  op.exclusive = n.integer("exclusive", 0) != 0;
  op.reverse = n.integer("reverse", 0) != 0;
  n.result(0, n.add(op, {n.value(0)}));
}

// 0 to size - 1 along an axis of so many dimensions.
ValueId positions_along(NodeContext& n, std::int64_t size, std::int64_t axis, std::int64_t rank) {
  n.charge({size});
  std::vector<std::int32_t> positions(static_cast<std::size_t>(size));
  std::iota(positions.begin(), positions.end(), 0);
  Shape along(static_cast<std::size_t>(rank), Dim(1));
  along[static_cast<std::size_t>(axis)] = size;
  return n.reshape(n.constant(make_tensor({size}, positions)), along);
}

// The first elements along an axis in the opposite order, as many as the sequence's length says.
void import_reverse_sequence(NodeContext& n) {
  const std::int64_t rank = n.rank(0);
  const std::int64_t time = n.axis(n.integer("time_axis", 0), rank);
  const std::int64_t batch = n.axis(n.integer("batch_axis", 1), rank);
  const Shape& x = n.shape(0);
  n.check(time != batch, "time and batch are both axis {}", time);
  const Dim& size = x[static_cast<std::size_t>(time)];
  n.check(n.shape(1) == Shape{x[static_cast<std::size_t>(batch)]}, "lengths {} of an input {}",
          to_string(n.shape(1)), to_string(x));
  const Integers* known = n.integers(1);
  const bool whole = known != nullptr && std::all_of(known->values.begin(), known->values.end(),
                                                     [&](const Dim& d) { return d == size; });
  if (whole) {
    graph::Slice backwards{time, size - 1, -1};
    backwards.step = -1;
    return n.result(0, n.add(backwards, {n.value(0)}));
  }
  if (!size.is_constant()) n.unsupported("sequences of the open length {}", to_string(size));
  const ValueId positions = positions_along(n, size.constant(), time, rank);
  Shape along(x.size(), Dim(1));
  along[static_cast<std::size_t>(batch)] = n.shape(1)[0];
  const ValueId lengths = n.reshape(n.value(1), along);
  const ValueId inside = n.add(graph::Compare{graph::CompareKind::kLess}, {positions, lengths});
  const ValueId last = n.binary(BinaryKind::kSub, lengths, n.integer_constant(1));
  const ValueId from =
      n.add(graph::Select{}, {inside, n.binary(BinaryKind::kSub, last, positions), positions});
  n.result(0, n.add(graph::GatherElements{time}, {n.value(0), n.expand(from, x)}));
}

// Of an axis more than the indices: `on` where it says the index, `off` elsewhere.
void import_one_hot(NodeContext& n) {
  const std::vector<Dim> sizes = n.sizes(1, "the depth");
  n.check(sizes.size() == 1, "the depth has {} elements", sizes.size());
  if (!sizes.front().is_constant()) n.unsupported("a depth that is open");
  const std::int64_t depth = sizes.front().constant();
  const std::int64_t rank = n.rank(0) + 1;
  const std::int64_t axis = n.axis(n.integer("axis", -1), rank);
  n.check(depth > 0 && depth <= (1 << 24), "a depth of {}", depth);
  const ValueId positions = positions_along(n, depth, axis, rank);
  // Numbers below 0 count from the end, and floats are cut.
  const ValueId given = n.cast(n.value(0), DType::kI32);
  const ValueId negative =
      n.add(graph::Compare{graph::CompareKind::kLess}, {given, n.integer_constant(0)});
  const ValueId index = n.add(
      graph::Select{},
      {negative,
       n.binary(BinaryKind::kAdd, given, n.integer_constant(static_cast<std::int32_t>(depth))),
       given});
  Shape shape = n.shape(0);
  shape.insert(shape.begin() + axis, Dim(1));
  const ValueId hot =
      n.add(graph::Compare{graph::CompareKind::kEqual}, {n.reshape(index, shape), positions});
  const auto value = [&](std::int64_t i) {
    return n.reshape(n.add(graph::Slice{0, i, i + 1}, {n.value(2)}), {});
  };
  n.check(n.shape(2) == Shape{Dim(2)}, "values {}", to_string(n.shape(2)));
  n.result(0, n.add(graph::Select{}, {hot, value(1), value(0)}), n.type(2));
}

// One where the maximum stands first, zero elsewhere.
void import_hardmax(NodeContext& n) {
  const bool merged = n.opset() < 13;
  const std::int64_t rank = n.rank(0);
  std::int64_t axis = n.axis(n.integer("axis", merged ? 1 : -1), rank);
  ValueId x = n.value(0);
  if (merged && axis != rank - 1) {
    const auto at = n.shape(0).begin() + axis;
    x = n.reshape(
        x, {graph::product({n.shape(0).begin(), at}), graph::product({at, n.shape(0).end()})});
    axis = 1;
  }
  const Dim size = n.shape_of(x)[static_cast<std::size_t>(axis)];
  if (!size.is_constant()) n.unsupported("an axis of an open size");
  graph::ArgReduce op;
  op.axis = axis;
  const ValueId most = n.add(op, {x});
  const auto dimensions = static_cast<std::int64_t>(n.shape_of(x).size());
  const ValueId positions = positions_along(n, size.constant(), axis, dimensions);
  const ValueId hot = n.add(graph::Compare{graph::CompareKind::kEqual}, {most, positions});
  n.result(0, n.reshape(n.cast(hot, DType::kF32), n.shape(0)));
}

}  // namespace

const std::vector<Operator>& index_operators() {
  static const std::vector<Operator> list{
      {"ArgMax", import_arg_reduce},        {"ArgMin", import_arg_reduce},
      {"CumSum", import_cum_sum},           {"GatherElements", import_gather_elements},
      {"GatherND", import_gather_nd},       {"Hardmax", import_hardmax},
      {"OneHot", import_one_hot},           {"ReverseSequence", import_reverse_sequence},
      {"Scatter", import_scatter_elements}, {"ScatterElements", import_scatter_elements},
      {"ScatterND", import_scatter_nd},     {"TopK", import_top_k},
  };
  return list;
}

}  // namespace lasso::onnx
