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
#include "graph/op_elementwise.h"
#include "graph/op_hints.h"
#include "graph/op_images.h"
#include "graph/op_indices.h"
#include "graph/op_two_way.h"

namespace lasso::graph {

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

// Quantisation of a whole value by a scheme that is known: q = round(x / scale) + zero, to the
// nearest, ties to even, and to the nearest number of uint8; of NaN 0.
// (x float32 or bfloat16) -> uint8
struct QuantizeTensor {
  static constexpr std::string_view kName = "quantize_tensor";
  Affine scheme;

  static void fields(auto& op, auto& v) {
    v("scale", op.scheme.scale);
    v("zero", op.scheme.zero);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const QuantizeTensor&) const = default;
};

// The same numbers in another type, of any two.   (x) -> the same in `to`
// - To a float type: to the nearest, ties to even.
// - Of a float type to an integer: towards zero, then to the nearest that there is; of NaN 0.
// - Between integers: the lower bits, but of int64 to int32 the nearest that there is.
// - To bool: whether it is not 0; of bool: 0 or 1.
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

enum class ReduceKind : std::uint8_t { kSum, kMean, kMax, kMin, kProd };
const EnumNames<ReduceKind>& names_of(EnumTag<ReduceKind> tag);
std::string_view to_string(ReduceKind kind);

// Over all elements along `axes` (different, none negative), which stay as dimensions of 1 or go.
// A sum of nothing is 0, a product 1, the maximum -infinity, the minimum infinity, or the type's
// least and largest integer. Sums and products of integers wrap around.
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

// Where the maximum or the minimum (`kind`) stands along `axis` (not negative), which stays as a
// dimension of 1 or goes: the first of equal ones, or the last. NaN is both.
// (x float32 or int32) -> int32
struct ArgReduce {
  static constexpr std::string_view kName = "arg_reduce";
  ReduceKind kind = ReduceKind::kMax;
  std::int64_t axis = 0;
  bool keep = true;
  bool last = false;

  static void fields(auto& op, auto& v) {
    v("kind", op.kind);
    v("axis", op.axis);
    v("keep", op.keep, IfSet{});
    v("last", op.last, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const ArgReduce&) const = default;
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

// y = x[..., begin:end:step, ...] along `axis`: the elements of Python's range(begin, end, step),
// which are ceil((end - begin) / step). A step below 0 goes from begin down to above end, which is
// -1 where element 0 is the last.
struct Slice {
  static constexpr std::string_view kName = "slice";
  std::int64_t axis = 0;
  Dim begin = 0;
  Dim end = 0;
  std::int64_t step = 1;

  static void fields(auto& op, auto& v) {
    v("axis", op.axis);
    v("begin", op.begin);
    v("end", op.end);
    v("step", op.step, IfSet{});
  }
  Dim count() const;  // of elements along the axis
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

// Sizes as numbers: y[i] = sizes[i], which an int32 holds, at most 64 of them. x is not read: it is
// there because every node reads something.   (x) -> int32 [sizes]
struct Sizes {
  static constexpr std::string_view kName = "sizes";
  Shape sizes;

  static void fields(auto& op, auto& v) { v("sizes", op.sizes); }
  Results infer(const Inputs& in) const;
  bool operator==(const Sizes&) const = default;
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
                 Quantize, Cast, Reduce, Softmax, Pad, AddNorm, UpscaledProduct, GatherElements,
                 GatherNd, ScatterElements, ScatterNd, ArgReduce, CumSum, TopK, Pool2d, Resize,
                 Deconv2d, NonMaxSuppression, EfficientNms, LeakyRelu, Compare, Select, Sizes,
                 DetectionNms, QuantizeTensor, TokenToImage, ImageToToken, MaskUpscaling>;

// What an op is called: its name, or what it computes where one op computes several functions
// ("layer_norm", "add").
std::string_view op_name(const Op& op);

// The attributes as they are printed: "heads=2, window=global, scale=0.5".
std::string attributes(const Op& op);

// The op with the values of symbols in its attributes.
Op bound(const Op& op, const Bindings& bindings);
// The op with another size in the place of a symbol.
Op with_size(const Op& op, const std::string& symbol, const Dim& size);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_H_
