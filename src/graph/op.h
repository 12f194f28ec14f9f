// The operations of the graph: one small struct of attributes each. Spatial values are
// channels-last. Inputs are listed as in the comments; those marked ? may be absent (kNoValue).
#ifndef LASSO_GRAPH_OP_H_
#define LASSO_GRAPH_OP_H_

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "graph/dim.h"

namespace lasso::graph {

enum class Activation : std::uint8_t {
  kNone,
  kGelu,  // x * (1 + erf(x / sqrt 2)) / 2
  kRelu,
  kSigmoid,
};
std::string_view to_string(Activation activation);

// y = activation(x W^T + b) + r.   (x [..., K], W [N, K], b? [N], r? [..., N], scales? [...],
// gain? [K], output_gain? [N]) -> [..., N], or (q [..., N], scales [...]) where `output` is uint8
//
// Lower precisions, in which sums stay float32 or int32, and b and r float32:
// - weights bfloat16: x is bfloat16, or float32 and rounded to it; W is rounded to it.
// - weights int8: x is uint8 with its `scales` (see Quantize); W's columns are multiplied by `gain`
//   and its rows then rounded to multiples of max|row| / 127.
// - output: float32; bfloat16 or uint8 only for lower weights and without a residual; uint8 only
//   for int8 weights: what Quantize makes of y with `output_gain`.
struct Linear {
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // float32, bfloat16 or int8
  DType output = DType::kF32;
};

// y = activation(A B^T) with the leading dimensions broadcast.   (A [..., M, K], B [..., N, K]) ->
// [..., M, N]
struct MatMul {
  Activation activation = Activation::kNone;
};

// Cross-correlation.   (x [B, H, W, C], W [N, C, kh, kw], b? [N]) -> [B, H', W', N]
// With weights bfloat16, x is bfloat16, or float32 and rounded to it, and W is rounded to it; sums
// and the result are float32.
struct Conv2d {
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  // zeros on each side
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16
};

// Transposed convolution with kernel = stride and no padding, so that outputs do not overlap.
// (x [B, H, W, C], W [C, N, s, s], b? [N]) -> [B, sH, sW, N]
// Weights in bfloat16 are those of Conv2d; with them the result may be bfloat16.
struct ConvTranspose2d {
  std::int64_t stride = 2;
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16
  DType output = DType::kF32;   // or bfloat16
};

// y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta) over the last dimension.
// (x [..., C], gamma [C], beta [C]) -> [..., C], or (q, scales) as of Quantize
struct LayerNorm {
  float epsilon = 1e-6F;
  Activation activation = Activation::kNone;
  DType output = DType::kF32;  // or bfloat16, or uint8
};

// Symmetric quantisation of rows: scale = max|x gain| / 127 (1 for a row of zeros) and
// q = round(x gain / scale) + 128, to the nearest, ties to even.
// (x [..., C] float32 or bfloat16, gain? [C]) -> (q [..., C] uint8, scales [...] float32)
struct Quantize {};

// Rounds to the nearest, ties to even.   (x float32 or bfloat16) -> the same in `to`
struct Cast {
  DType to = DType::kF32;  // or bfloat16
};

// Multi-head self-attention of an image with decomposed relative positions (MViTv2, eq. 4; SAM's
// image encoder):
//   softmax_k(scale q.k + q.Rh[y_q - y_k + S - 1] + q.Rw[x_q - x_k + S - 1]) v
// where (y, x) are positions inside the window and S its side (the grid's side for global
// attention). (qkv [B, H, W, 3*heads*d], Rh? [2S-1, d], Rw? [2S-1, d], pad? [3*heads*d]) -> [B, H,
// W, heads*d] qkv's last dimension is ordered (q|k|v, head, d). Windows that leave the grid are
// filled up with tokens whose q, k and v are `pad` (the bias of the layer that made qkv): they take
// part as keys, and have no output. Without Rh and Rw there is no position term. qkv and the
// result are float32, or both bfloat16; the tables and pad are float32.
struct WindowAttention {
  std::int64_t heads = 1;
  std::int64_t window = 0;  // side in tokens; 0: global, the whole H x W grid is one window
  float scale = 1.0F;       // of q.k alone; the position terms use q unscaled
};

// Multi-head attention: softmax(scale q k^T) v for each head; batches broadcast (1 against B).
// (q [B, M, heads*d], k [B, N, heads*d], v [B, N, heads*d]) -> [B, M, heads*d]
struct Attention {
  std::int64_t heads = 1;
  float scale = 1.0F;
};

enum class BinaryKind : std::uint8_t { kAdd, kSub, kMul };
std::string_view to_string(BinaryKind kind);

// y = activation(a (+|-|*) b), NumPy's broadcasting.
struct Binary {
  BinaryKind kind = BinaryKind::kAdd;
  Activation activation = Activation::kNone;
};

// y = activation(x)
struct Unary {
  Activation activation = Activation::kNone;
};

// Joins along `axis` (not negative).   (x0, x1, ...) -> y
struct Concat {
  std::int64_t axis = 0;
};

// y = x[..., begin:end, ...] along `axis`.
struct Slice {
  std::int64_t axis = 0;
  Dim begin = 0;
  Dim end = 0;
};

// The same elements in the same order under another shape.
struct Reshape {
  Shape shape;
};

// Dimension i of the result is dimension permutation[i] of x.
struct Transpose {
  std::vector<std::int64_t> permutation;
};

// NumPy's broadcast_to.
struct Expand {
  Shape shape;
};

// y = table[index + offset].   (table [R, ...], index int32 [...]) -> [index..., row...]
// An index outside the table is an error of the caller that is checked before the program runs.
struct Gather {
  std::int64_t offset = 0;
};

// Random Fourier features (Tancik et al. 2020): t = 2 pi (2 x - 1) M; y = [sin t, cos t].
// (x [..., D], M [D, F]) -> [..., 2F]
struct FourierFeatures {};

using Op = std::variant<Linear, MatMul, Conv2d, ConvTranspose2d, LayerNorm, WindowAttention,
                        Attention, Binary, Unary, Concat, Slice, Reshape, Transpose, Expand, Gather,
                        FourierFeatures, Quantize, Cast>;

// "linear", "layer_norm", ...
std::string_view op_name(const Op& op);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_H_
