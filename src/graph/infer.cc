// Types and shapes of results.
#include <algorithm>

#include "core/check.h"
#include "graph/graph.h"

namespace lasso::graph {

namespace {

// The inputs of one node, with checks that name the op and the shapes seen.
class Inputs {
 public:
  Inputs(const Op& op, const std::vector<const Value*>& values) : op_(op), values_(values) {}

  std::size_t count() const { return values_.size(); }
  bool has(std::size_t i) const { return i < values_.size() && values_[i] != nullptr; }

  const Value& value(std::size_t i) const {
    require(has(i), fmt::format("input {} to be there", i));
    return *values_[i];
  }
  const Shape& shape(std::size_t i) const { return value(i).shape; }
  const Dim& last(std::size_t i) const {
    require(!shape(i).empty(), fmt::format("input {} to have a dimension", i));
    return shape(i).back();
  }

  void require(bool condition, const std::string& expected) const {
    if (condition) return;
    std::string seen;
    for (const Value* value : values_) {
      if (!seen.empty()) seen += ", ";
      seen += value == nullptr
                  ? "none"
                  : fmt::format("{} {}", to_string(value->dtype), to_string(value->shape));
    }
    fail(ErrorCode::kInvalidArgument, "{}({}): expected {}", op_name(op_), seen, expected);
  }
  void require_count(std::size_t least, std::size_t most) const {
    require(count() >= least && count() <= most, fmt::format("{} to {} inputs", least, most));
    for (std::size_t i = 0; i < least; ++i) value(i);
  }
  void require_rank(std::size_t i, std::size_t rank) const {
    require(shape(i).size() == rank, fmt::format("input {} to have {} dimensions", i, rank));
  }
  void require_shape(std::size_t i, const Shape& expected) const {
    require(shape(i) == expected, fmt::format("input {} to have shape {}", i, to_string(expected)));
  }
  void require_float() const { require_float_from(0); }
  void require_float_from(std::size_t first) const {
    for (std::size_t i = first; i < count(); ++i) {
      require(!has(i) || value(i).dtype == DType::kF32, fmt::format("input {} in float32", i));
    }
  }
  void require_type(std::size_t i, DType dtype) const {
    require(value(i).dtype == dtype, fmt::format("input {} in {}", i, to_string(dtype)));
  }

 private:
  const Op& op_;
  const std::vector<const Value*>& values_;
};

// NumPy's broadcasting of two dimensions; a symbol is taken to be anything but 1 only where both
// agree.
Dim broadcast(const Inputs& in, const Dim& a, const Dim& b) {
  if (a == b || b == Dim(1)) return a;
  in.require(a == Dim(1),
             fmt::format("dimensions {} and {} to broadcast", to_string(a), to_string(b)));
  return b;
}

Shape broadcast(const Inputs& in, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim left = i + a.size() < rank ? Dim(1) : a[i + a.size() - rank];
    const Dim right = i + b.size() < rank ? Dim(1) : b[i + b.size() - rank];
    result[i] = broadcast(in, left, right);
  }
  return result;
}

struct InferShape {
  const Inputs& in;

  Shape operator()(const Linear& op) const {
    in.require_count(2, 7);
    check_types(op);
    in.require_float_from(1);
    in.require_rank(1, 2);
    in.require(in.last(0) == in.shape(1)[1], "the last dimension of x to be the second one of W");
    Shape result = in.shape(0);
    result.back() = in.shape(1)[0];
    if (in.has(2)) in.require_shape(2, {in.shape(1)[0]});
    if (in.has(3)) in.require_shape(3, result);
    if (in.has(4)) in.require_shape(4, Shape(in.shape(0).begin(), in.shape(0).end() - 1));
    if (in.has(5)) in.require_shape(5, {in.shape(1)[1]});
    if (in.has(6)) in.require_shape(6, {in.shape(1)[0]});
    return result;
  }

  void check_types(const Linear& op) const {
    const bool int8 = op.weights == DType::kI8;
    in.require(int8 || op.weights == DType::kBF16 || op.weights == DType::kF32,
               "weights in float32, bfloat16 or int8");
    if (int8) {
      in.require_type(0, DType::kU8);
    } else {
      require_input_of(op.weights);
    }
    in.require(in.has(4) == int8, "scales for int8 weights, and for no others");
    in.require(!in.has(5) || int8, "a gain for int8 weights only");
    in.require(!in.has(6) || op.output == DType::kU8, "an output gain for a uint8 result only");
    const bool lower = op.weights != DType::kF32 && !in.has(3);
    in.require(op.output == DType::kF32 || (op.output == DType::kBF16 && lower) ||
                   (op.output == DType::kU8 && lower && int8),
               "a float32 result, or a lower one that the weights allow, without a residual");
  }

  Shape operator()(const MatMul&) const {
    in.require_count(2, 2);
    in.require_float();
    const Shape& a = in.shape(0);
    const Shape& b = in.shape(1);
    in.require(a.size() >= 2 && b.size() >= 2 && a.back() == b.back(),
               "two or more dimensions and equal last ones");
    Shape result = broadcast(in, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    result.push_back(a[a.size() - 2]);
    result.push_back(b[b.size() - 2]);
    return result;
  }

  // Float32 weights read float32; bfloat16 ones either.
  void require_input_of(DType weights) const {
    in.require(weights == DType::kF32 || weights == DType::kBF16, "weights in float32 or bfloat16");
    if (weights == DType::kF32) {
      in.require_type(0, DType::kF32);
    } else {
      require_float_or_bf16();
    }
  }

  Shape operator()(const Conv2d& op) const {
    in.require_count(2, 3);
    require_input_of(op.weights);
    in.require_float_from(1);
    in.require_rank(0, 4);
    in.require_rank(1, 4);
    const Shape& x = in.shape(0);
    const Dim out = in.shape(1)[0];
    in.require_shape(1, {out, x[3], op.kernel_h, op.kernel_w});
    if (in.has(2)) in.require_shape(2, {out});
    in.require(op.stride > 0 && op.padding >= 0, "a positive stride and no negative padding");
    const auto size = [&](const Dim& dim, std::int64_t kernel) -> Dim {
      const Dim span = dim + Dim(2 * op.padding - kernel);
      if (op.stride == 1) return span + 1;
      in.require(span.is_constant() && span.constant() >= 0,
                 "an image size that is known and not below the kernel's");
      return span.constant() / op.stride + 1;
    };
    return {x[0], size(x[1], op.kernel_h), size(x[2], op.kernel_w), out};
  }

  Shape operator()(const ConvTranspose2d& op) const {
    in.require_count(2, 3);
    require_input_of(op.weights);
    in.require_float_from(1);
    in.require(
        op.output == DType::kF32 || (op.output == DType::kBF16 && op.weights == DType::kBF16),
        "a float32 result, or bfloat16 of bfloat16 weights");
    in.require_rank(0, 4);
    in.require_rank(1, 4);
    const Shape& x = in.shape(0);
    const Dim out = in.shape(1)[1];
    in.require_shape(1, {x[3], out, op.stride, op.stride});
    if (in.has(2)) in.require_shape(2, {out});
    return {x[0], x[1] * op.stride, x[2] * op.stride, out};
  }

  Shape operator()(const LayerNorm& op) const {
    in.require_count(3, 3);
    in.require_float();
    in.require(op.output == DType::kF32 || op.output == DType::kBF16 || op.output == DType::kU8,
               "a result in float32, bfloat16 or uint8");
    in.require_shape(1, {in.last(0)});
    in.require_shape(2, {in.last(0)});
    return in.shape(0);
  }

  Shape operator()(const WindowAttention& op) const {
    in.require_count(1, 4);
    require_float_or_bf16();
    in.require_float_from(1);
    in.require_rank(0, 4);
    const Shape& qkv = in.shape(0);
    const auto width = qkv[3].divided_by(3 * op.heads);
    in.require(op.heads > 0 && op.window >= 0 && width.has_value(),
               "a last dimension that 3 * heads divides");
    in.require(in.has(1) == in.has(2), "both tables of relative positions, or none");
    if (in.has(1)) {
      in.require(op.window > 0 || qkv[1] == qkv[2], "a square grid for global relative positions");
      const Dim side = op.window > 0 ? Dim(op.window) : qkv[1];
      const Shape table{side * 2 - 1, *width};
      in.require_shape(1, table);
      in.require_shape(2, table);
    }
    if (in.has(3)) in.require_shape(3, {qkv[3]});
    return {qkv[0], qkv[1], qkv[2], *width * op.heads};
  }

  Shape operator()(const Attention& op) const {
    in.require_count(3, 3);
    in.require_float();
    for (std::size_t i = 0; i < 3; ++i) in.require_rank(i, 3);
    const Shape& q = in.shape(0);
    const Shape& k = in.shape(1);
    const Shape& v = in.shape(2);
    in.require(op.heads > 0 && q[2].divided_by(op.heads).has_value(),
               "a last dimension that heads divides");
    in.require(k[1] == v[1] && q[2] == k[2] && k[2] == v[2],
               "keys and values of the same number and width as the queries'");
    return {broadcast(in, broadcast(in, q[0], k[0]), v[0]), q[1], q[2]};
  }

  Shape operator()(const Binary&) const {
    in.require_count(2, 2);
    in.require_float();
    return broadcast(in, in.shape(0), in.shape(1));
  }

  Shape operator()(const Unary&) const {
    in.require_count(1, 1);
    in.require_float();
    return in.shape(0);
  }

  Shape operator()(const Concat& op) const {
    in.require(in.count() >= 1, "at least one input");
    Shape result = in.shape(0);
    const auto axis = static_cast<std::size_t>(op.axis);
    in.require(op.axis >= 0 && axis < result.size(), "an axis of the inputs");
    for (std::size_t i = 1; i < in.count(); ++i) {
      Shape other = in.shape(i);
      in.require(other.size() == result.size() && in.value(i).dtype == in.value(0).dtype,
                 "inputs of one rank and type");
      result[axis] = result[axis] + other[axis];
      other[axis] = result[axis];
      in.require(other == result, "inputs that differ along the axis only");
    }
    return result;
  }

  Shape operator()(const Slice& op) const {
    in.require_count(1, 1);
    Shape result = in.shape(0);
    const auto axis = static_cast<std::size_t>(op.axis);
    in.require(op.axis >= 0 && axis < result.size(), "an axis of the input");
    if (op.begin.is_constant() && op.end.is_constant()) {
      in.require(op.begin.constant() >= 0 && op.begin.constant() < op.end.constant(),
                 "begin before end");
      in.require(!result[axis].is_constant() || op.end.constant() <= result[axis].constant(),
                 "the end not behind the input's");
    }
    result[axis] = op.end - op.begin;
    return result;
  }

  Shape operator()(const Reshape& op) const {
    in.require_count(1, 1);
    in.require(product(in.shape(0)) == product(op.shape),
               fmt::format("as many elements as {} has", to_string(op.shape)));
    return op.shape;
  }

  Shape operator()(const Transpose& op) const {
    in.require_count(1, 1);
    const Shape& x = in.shape(0);
    std::vector<std::int64_t> sorted = op.permutation;
    std::sort(sorted.begin(), sorted.end());
    bool valid = sorted.size() == x.size();
    for (std::size_t i = 0; valid && i < sorted.size(); ++i) {
      valid = sorted[i] == static_cast<std::int64_t>(i);
    }
    in.require(valid, "a permutation of the dimensions");
    Shape result;
    for (const std::int64_t from : op.permutation) {
      result.push_back(x[static_cast<std::size_t>(from)]);
    }
    return result;
  }

  Shape operator()(const Expand& op) const {
    in.require_count(1, 1);
    in.require(broadcast(in, in.shape(0), op.shape) == op.shape,
               fmt::format("a shape that broadcasts to {}", to_string(op.shape)));
    return op.shape;
  }

  Shape operator()(const Gather&) const {
    in.require_count(2, 2);
    const Shape& table = in.shape(0);
    in.require(!table.empty() && in.value(1).dtype == DType::kI32, "a table and int32 indices");
    Shape result = in.shape(1);
    result.insert(result.end(), table.begin() + 1, table.end());
    return result;
  }

  Shape operator()(const FourierFeatures&) const {
    in.require_count(2, 2);
    in.require_float();
    in.require_rank(1, 2);
    in.require(in.last(0) == in.shape(1)[0], "the last dimension of x to be the first one of M");
    Shape result = in.shape(0);
    result.back() = in.shape(1)[1] * 2;
    return result;
  }

  Shape operator()(const Quantize&) const {
    in.require_count(1, 2);
    require_float_or_bf16();
    in.require_float_from(1);
    const Dim channels = in.last(0);
    if (in.has(1)) in.require_shape(1, {channels});
    return in.shape(0);
  }

  Shape operator()(const Cast& op) const {
    in.require_count(1, 1);
    require_float_or_bf16();
    in.require(op.to == DType::kF32 || op.to == DType::kBF16, "a result in float32 or bfloat16");
    return in.shape(0);
  }

  void require_float_or_bf16() const {
    const DType dtype = in.value(0).dtype;
    in.require(dtype == DType::kF32 || dtype == DType::kBF16, "input 0 in float32 or bfloat16");
  }
};

struct InferType {
  DType first;  // of input 0

  DType operator()(const Linear& op) const { return op.output; }
  DType operator()(const Conv2d&) const { return DType::kF32; }
  DType operator()(const ConvTranspose2d& op) const { return op.output; }
  DType operator()(const LayerNorm& op) const { return op.output; }
  DType operator()(const Quantize&) const { return DType::kU8; }
  DType operator()(const Cast& op) const { return op.to; }
  template <typename Other>
  DType operator()(const Other&) const {
    return first;
  }
};

}  // namespace

std::vector<Value> infer(const Op& op, const std::vector<const Value*>& inputs) {
  const Inputs in(op, inputs);
  Value result;
  result.shape = std::visit(InferShape{in}, op);
  result.dtype = std::visit(InferType{in.value(0).dtype}, op);
  const bool quantizes = std::holds_alternative<Quantize>(op) ||
                         std::holds_alternative<Linear>(op) ||
                         std::holds_alternative<LayerNorm>(op);
  if (!quantizes || result.dtype != DType::kU8) return {result};
  Value scales;
  scales.shape = Shape(result.shape.begin(), result.shape.end() - 1);
  return {result, scales};
}

}  // namespace lasso::graph
