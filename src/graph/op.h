// The operations of the graph: one small struct each, which is all that is written down about one.
// It holds its name in engine files, its attributes, one function that visits them by name, in the
// order of its members, and its rule: the types and shapes of its results (infer_*.cc), which
// throws kInvalidArgument with the inputs seen and what was expected. Printing, JSON and equality
// derive from that. Spatial values are channels-last. Inputs are listed as in the comments; those
// marked ? may be absent (kNoValue).
#ifndef LASSO_GRAPH_OP_H_
#define LASSO_GRAPH_OP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "core/enum_names.h"
#include "graph/dim.h"

namespace lasso::graph {

struct Value;
class Inputs;
using Results = std::vector<Value>;

// How an attribute is printed, where not as name=value.
struct IfSet {};      // only where it differs from the default
struct Unprinted {};  // what the op's name or the result's shape says
struct ZeroIs {       // 0 has a name
  std::string_view name;
};

enum class Activation : std::uint8_t {
  kNone,
  kGelu,  // x * (1 + erf(x / sqrt 2)) / 2
  kRelu,  // 0 if x < 0, else x: NaN stays
  kSigmoid,
};
const EnumNames<Activation>& names_of(EnumTag<Activation> tag);
std::string_view to_string(Activation activation);

// Of height and width; one number stands for both.
struct Size2d {
  std::int64_t h = 1;
  std::int64_t w = 1;

  Size2d() = default;
  Size2d(std::int64_t both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor)
  Size2d(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  bool operator==(const Size2d&) const = default;
};

// What surrounds an image; one number stands for all sides.
struct Pads2d {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t bottom = 0;
  std::int64_t right = 0;

  Pads2d() = default;
  Pads2d(std::int64_t all)  // NOLINT(google-explicit-constructor)
      : top(all), left(all), bottom(all), right(all) {}
  Pads2d(std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right)
      : top(top), left(left), bottom(bottom), right(right) {}
  bool operator==(const Pads2d&) const = default;
};

// y = activation(x W^T + b) + r.   (x [..., K], W [N, K], b? [N], r? [..., N], scales? [...],
// gain? [K], output_gain? [N]) -> [..., N], or (q [..., N], scales [...]) where `output` is uint8
//
// Lower precisions, in which sums stay float32 or int32, and b and r float32:
// - weights bfloat16 or float16: x is of that type, or float32 and rounded to it; W is rounded to
// it.
// - weights int8: x is uint8 with its `scales` (see Quantize); W's columns are multiplied by `gain`
//   and its rows then rounded to multiples of max|row| / 127.
// - output: float32; a lower type only for lower weights and without a residual: that of the
//   weights, or, of int8 ones, bfloat16 or uint8: what Quantize makes of y with `output_gain`.
struct Linear {
  static constexpr std::string_view kName = "linear";
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16, float16, int8
  DType output = DType::kF32;

  static void fields(auto& op, auto& v) {
    v("activation", op.activation, IfSet{});
    v("weights", op.weights, IfSet{});
    v("output", op.output, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Linear&) const = default;
};

// y = activation(A B^T) with the leading dimensions broadcast.   (A [..., M, K], B [..., N, K]) ->
// [..., M, N]
struct MatMul {
  static constexpr std::string_view kName = "matmul";
  Activation activation = Activation::kNone;

  static void fields(auto& op, auto& v) { v("activation", op.activation, IfSet{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const MatMul&) const = default;
};

// Cross-correlation.   (x [B, H, W, C], W [N, C/groups, kh, kw], b? [N]) -> [B, H', W', N] with
//   H' = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1
// and W' in the same way. The result's channels and x's are divided into `groups`; those of one
// read those of the same one. With weights bfloat16 or float16, x is of that type, or float32 and
// rounded to it, and W is rounded to it; sums and the result are float32.
struct Conv2d {
  static constexpr std::string_view kName = "conv2d";
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  Size2d stride = 1;
  Pads2d padding = 0;  // of zeros
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16, float16
  Size2d dilation = 1;          // distance of the window's pixels
  std::int64_t groups = 1;

  static void fields(auto& op, auto& v) {
    v("kernel_h", op.kernel_h);
    v("kernel_w", op.kernel_w);
    v("stride", op.stride);
    v("padding", op.padding);
    v("activation", op.activation, IfSet{});
    v("weights", op.weights, IfSet{});
    v("dilation", op.dilation, IfSet{});
    v("groups", op.groups, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Conv2d&) const = default;
};

// Transposed convolution with kernel = stride and no padding, so that outputs do not overlap.
// (x [B, H, W, C], W [C, N, s, s], b? [N]) -> [B, sH, sW, N]
// Weights in lower types are those of Conv2d; with them the result may be of their type.
struct ConvTranspose2d {
  static constexpr std::string_view kName = "conv_transpose2d";
  std::int64_t stride = 2;
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16, float16
  DType output = DType::kF32;   // or that of lower weights

  static void fields(auto& op, auto& v) {
    v("stride", op.stride);
    v("activation", op.activation, IfSet{});
    v("weights", op.weights, IfSet{});
    v("output", op.output, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const ConvTranspose2d&) const = default;
};

// y = A u^T, where the rows of u are the pixels of activation(ConvTranspose2d(x, W, b)), which stay
// float32.   (A [B, M, N], x [B, H, W, C], W [C, N, s, s], b? [N]) -> [B, M, sH*sW]
struct UpscaledProduct {
  static constexpr std::string_view kName = "upscaled_product";
  std::int64_t stride = 2;
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // as of ConvTranspose2d

  static void fields(auto& op, auto& v) {
    v("stride", op.stride);
    v("activation", op.activation, IfSet{});
    v("weights", op.weights, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const UpscaledProduct&) const = default;
};

// y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta) over the last dimension.
// (x [..., C], gamma [C], beta [C]) -> [..., C], or (q, scales) as of Quantize
struct LayerNorm {
  static constexpr std::string_view kName = "layer_norm";
  float epsilon = 1e-6F;
  Activation activation = Activation::kNone;
  DType output = DType::kF32;  // or bfloat16, float16, uint8

  static void fields(auto& op, auto& v) {
    v("epsilon", op.epsilon);
    v("activation", op.activation, IfSet{});
    v("output", op.output, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const LayerNorm&) const = default;
};

// z = (s - mean) / sqrt(variance + epsilon) * gamma + beta over the last dimension of s = x + r,
// for readers of several types.   (x [..., C], gamma [C], beta [C], r?, p?) -> those of z in
// float32 if `keep`, z in `output` if `rounded`, and z + p in `output` if there is a p r and p are
// repeated along x's first dimensions: they have its last ones, or ones before these.
struct AddNorm {
  static constexpr std::string_view kName = "add_norm";
  float epsilon = 1e-6F;
  bool keep = true;
  bool rounded = false;        // only to a half
  DType output = DType::kF32;  // or bfloat16, float16

  static void fields(auto& op, auto& v) {
    v("epsilon", op.epsilon);
    v("keep", op.keep, IfSet{});
    v("rounded", op.rounded, IfSet{});
    v("output", op.output, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const AddNorm&) const = default;
};

// Whether AddNorm repeats a value of one shape along another's first dimensions.
bool repeats(const Shape& part, const Shape& whole);

// Symmetric quantisation of rows: scale = max|x gain| / 127 (1 for a row of zeros) and
// q = round(x gain / scale) + 128, to the nearest, ties to even.
// (x [..., C] float32 or bfloat16, gain? [C]) -> (q [..., C] uint8, scales [...] float32)
struct Quantize {
  static constexpr std::string_view kName = "quantize";

  static void fields(auto& /*op*/, auto& /*v*/) {}
  Results infer(const Inputs& in) const;
  bool operator==(const Quantize&) const = default;
};

// The same numbers in another type: to the nearest, ties to even, where a float type is narrower,
// and towards zero where an integer is.   (x) -> the same in `to`
struct Cast {
  static constexpr std::string_view kName = "cast";
  DType to = DType::kF32;

  static void fields(auto& op, auto& v) { v("to", op.to, Unprinted{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const Cast&) const = default;
};

// Multi-head self-attention of an image with decomposed relative positions (MViTv2, eq. 4; SAM's
// image encoder):
//   softmax_k(scale q.k + q.Rh[y_q - y_k + S - 1] + q.Rw[x_q - x_k + S - 1]) v
// where (y, x) are positions inside the window and S its side (the grid's side for global
// attention). (qkv [B, H, W, 3*heads*d], Rh? [2S-1, d], Rw? [2S-1, d], pad? [3*heads*d]) -> [B, H,
// W, heads*d] qkv's last dimension is ordered (q|k|v, head, d). Windows that leave the grid are
// filled up with tokens whose q, k and v are `pad` (the bias of the layer that made qkv): they take
// part as keys, and have no output. Without Rh and Rw there is no position term. qkv and the
// result are of one type, float32, bfloat16 or float16; the tables and pad are float32.
struct WindowAttention {
  static constexpr std::string_view kName = "window_attention";
  std::int64_t heads = 1;
  std::int64_t window = 0;  // side in tokens; 0: global, the whole H x W grid is one window
  float scale = 1.0F;       // of q.k alone; the position terms use q unscaled

  static void fields(auto& op, auto& v) {
    v("heads", op.heads);
    v("window", op.window, ZeroIs{"global"});
    v("scale", op.scale);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const WindowAttention&) const = default;
};

// Multi-head attention: softmax(scale q k^T) v for each head; batches broadcast (1 against B).
// (q [B, M, heads*d], k [B, N, heads*d], v [B, N, heads*d]) -> [B, M, heads*d], all of one type:
// float32, bfloat16 or float16.
struct Attention {
  static constexpr std::string_view kName = "attention";
  std::int64_t heads = 1;
  float scale = 1.0F;

  static void fields(auto& op, auto& v) {
    v("heads", op.heads);
    v("scale", op.scale);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Attention&) const = default;
};

enum class BinaryKind : std::uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin, kPow };
const EnumNames<BinaryKind>& names_of(EnumTag<BinaryKind> tag);
std::string_view to_string(BinaryKind kind);

// y = activation(f(a, b)) in the type of both, NumPy's broadcasting. Activations are of float32.
struct Binary {
  static constexpr std::string_view kName = "binary";
  BinaryKind kind = BinaryKind::kAdd;
  Activation activation = Activation::kNone;

  static void fields(auto& op, auto& v) {
    v("kind", op.kind, Unprinted{});
    v("activation", op.activation, IfSet{});
  }
  std::string_view name() const { return to_string(kind); }
  Results infer(const Inputs& in) const;
  bool operator==(const Binary&) const = default;
};

enum class UnaryKind : std::uint8_t {
  kIdentity,
  kGelu,  // the activations
  kRelu,
  kSigmoid,
  kAbs,
  kNegate,
  kSign,  // -1, 0 or 1
  kExp,
  kLog,
  kSqrt,
  kReciprocal,
  kSin,
  kCos,
  kTanh,
  kErf,
  kRound,  // to the nearest, ties to even
  kFloor,
  kCeil,
};
const EnumNames<UnaryKind>& names_of(EnumTag<UnaryKind> tag);
std::string_view to_string(UnaryKind kind);

// An activation as a function of its own, and the inverse, where there is one. kNone is the
// identity.
UnaryKind unary_of(Activation activation);
std::optional<Activation> activation_of(UnaryKind kind);

// y = f(x)
struct Unary {
  static constexpr std::string_view kName = "unary";
  UnaryKind kind = UnaryKind::kIdentity;

  Unary() = default;
  Unary(UnaryKind kind) : kind(kind) {}  // NOLINT(google-explicit-constructor): it is nothing else
  Unary(Activation activation)           // NOLINT(google-explicit-constructor)
      : kind(unary_of(activation)) {}

  static void fields(auto& op, auto& v) { v("kind", op.kind, Unprinted{}); }
  std::string_view name() const { return to_string(kind); }
  Results infer(const Inputs& in) const;
  bool operator==(const Unary&) const = default;
};

enum class ReduceKind : std::uint8_t { kSum, kMean, kMax, kMin };
const EnumNames<ReduceKind>& names_of(EnumTag<ReduceKind> tag);
std::string_view to_string(ReduceKind kind);

// Over all elements along `axes` (different, none negative), which stay as dimensions of 1 or go.
// A sum of nothing is 0, the maximum -infinity, the minimum infinity.
struct Reduce {
  static constexpr std::string_view kName = "reduce";
  ReduceKind kind = ReduceKind::kSum;
  std::vector<std::int64_t> axes;
  bool keep = true;

  static void fields(auto& op, auto& v) {
    v("kind", op.kind);
    v("axes", op.axes);
    v("keep", op.keep, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Reduce&) const = default;
};

// y = exp(x) / sum exp(x) along `axis` (not negative).
struct Softmax {
  static constexpr std::string_view kName = "softmax";
  std::int64_t axis = 0;

  static void fields(auto& op, auto& v) { v("axis", op.axis); }
  Results infer(const Inputs& in) const;
  bool operator==(const Softmax&) const = default;
};

// x between so many elements of a value, for each dimension, none negative. The value is 0 but for
// float32.
struct Pad {
  static constexpr std::string_view kName = "pad";
  Shape before;
  Shape after;
  float value = 0.0F;

  static void fields(auto& op, auto& v) {
    v("before", op.before);
    v("after", op.after);
    v("value", op.value, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Pad&) const = default;
};

// Joins along `axis` (not negative).   (x0, x1, ...) -> y
struct Concat {
  static constexpr std::string_view kName = "concat";
  std::int64_t axis = 0;

  static void fields(auto& op, auto& v) { v("axis", op.axis); }
  Results infer(const Inputs& in) const;
  bool operator==(const Concat&) const = default;
};

// y = x[..., begin:end, ...] along `axis`.
struct Slice {
  static constexpr std::string_view kName = "slice";
  std::int64_t axis = 0;
  Dim begin = 0;
  Dim end = 0;

  static void fields(auto& op, auto& v) {
    v("axis", op.axis);
    v("begin", op.begin);
    v("end", op.end);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Slice&) const = default;
};

// The same elements in the same order under another shape.
struct Reshape {
  static constexpr std::string_view kName = "reshape";
  Shape shape;

  static void fields(auto& op, auto& v) { v("shape", op.shape, Unprinted{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const Reshape&) const = default;
};

// Dimension i of the result is dimension permutation[i] of x.
struct Transpose {
  static constexpr std::string_view kName = "transpose";
  std::vector<std::int64_t> permutation;

  static void fields(auto& op, auto& v) { v("permutation", op.permutation); }
  Results infer(const Inputs& in) const;
  bool operator==(const Transpose&) const = default;
};

// NumPy's broadcast_to.
struct Expand {
  static constexpr std::string_view kName = "expand";
  Shape shape;

  static void fields(auto& op, auto& v) { v("shape", op.shape, Unprinted{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const Expand&) const = default;
};

// y = table[index + offset].   (table [R, ...], index int32 [...]) -> [index..., row...]
// An index outside the table is an error of the caller that is checked before the program runs.
struct Gather {
  static constexpr std::string_view kName = "gather";
  std::int64_t offset = 0;

  static void fields(auto& op, auto& v) { v("offset", op.offset); }
  Results infer(const Inputs& in) const;
  bool operator==(const Gather&) const = default;
};

// Random Fourier features (Tancik et al. 2020): t = 2 pi (2 x - 1) M; y = [sin t, cos t].
// (x [..., D], M [D, F]) -> [..., 2F]
struct FourierFeatures {
  static constexpr std::string_view kName = "fourier_features";

  static void fields(auto& /*op*/, auto& /*v*/) {}
  Results infer(const Inputs& in) const;
  bool operator==(const FourierFeatures&) const = default;
};

using Op =
    std::variant<Linear, MatMul, Conv2d, ConvTranspose2d, LayerNorm, WindowAttention, Attention,
                 Binary, Unary, Concat, Slice, Reshape, Transpose, Expand, Gather, FourierFeatures,
                 Quantize, Cast, Reduce, Softmax, Pad, AddNorm, UpscaledProduct>;

// What an op is called: its name, or what it computes where one op computes several functions
// ("layer_norm", "add").
std::string_view op_name(const Op& op);

// The attributes as they are printed: "heads=2, window=global, scale=0.5".
std::string attributes(const Op& op);

// The op with the values of symbols in its attributes.
Op bound(const Op& op, const Bindings& bindings);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_H_
