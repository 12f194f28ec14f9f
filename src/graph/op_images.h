// Operations on images (see op.h): convolutions, pooling, resizing.
#ifndef LASSO_GRAPH_OP_IMAGES_H_
#define LASSO_GRAPH_OP_IMAGES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/dtype.h"
#include "core/enum_names.h"
#include "graph/dim.h"
#include "graph/op_hints.h"

namespace lasso::graph {

// Cross-correlation.   (x [B, H, W, C], W [N, C/groups, kh, kw], b? [N], ...) -> [B, H', W', N]
// with
//   H' = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1
// and W' in the same way. The result's channels and x's are divided into `groups`; those of one
// read those of the same one. A window of one pixel, without padding and groups, may read several
// images: x and the inputs behind b, whose channels follow one another as if they were joined.
//
// Lower precisions, in which b is float32:
// - weights bfloat16 or float16: x is of that type, or float32 and rounded to it, and W is rounded
//   to it; sums are float32, and the result is float32 or of the weights' type.
// - weights int8, of one group: x is uint8 and stands for `input` (see QuantizeTensor), and what
//   surrounds it for 0; the filters W[n] are rounded to multiples of max|W[n]| / 127; sums are
//   int32.
// Of int8 and float32 weights the result may also be bfloat16, or uint8 of the scheme `result`.
struct Conv2d {
  static constexpr std::string_view kName = "conv2d";
  static constexpr std::size_t kFirstJoined = 3;  // the second image among the inputs
  static constexpr std::size_t kMostJoined = 16;  // images

  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  Size2d stride = 1;
  Pads2d padding = 0;  // of zeros
  Activation activation = Activation::kNone;
  DType weights = DType::kF32;  // or bfloat16, float16, int8
  Size2d dilation = 1;          // distance of the window's pixels
  std::int64_t groups = 1;
  DType output = DType::kF32;
  Affine input = {};   // of int8 weights
  Affine result = {};  // of a uint8 result

  // Whether a window is one pixel of the image, with all of its channels.
  bool is_pointwise() const {
    return kernel_h == 1 && kernel_w == 1 && padding == 0 && groups == 1;
  }

  static void fields(auto& op, auto& v) {
    v("kernel_h", op.kernel_h);
    v("kernel_w", op.kernel_w);
    v("stride", op.stride);
    v("padding", op.padding);
    v("activation", op.activation, IfSet{});
    v("weights", op.weights, IfSet{});
    v("dilation", op.dilation, IfSet{});
    v("groups", op.groups, IfSet{});
    v("output", op.output, IfSet{});
    v("input_scale", op.input.scale, IfSet{});
    v("input_zero", op.input.zero, IfSet{});
    v("result_scale", op.result.scale, IfSet{});
    v("result_zero", op.result.zero, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Conv2d&) const = default;
};

// Transposed convolution: each pixel of x adds the filters, multiplied by its channels, to the
// result.
//   y[b, i, j, n] = activation(b[n] + sum_(c, u, v) x[b, p, q, c] W[c, n, u, v])
// over all pixels (p, q) of x and taps (u, v) with p stride + u dilation = i + top, and so for q, v
// and j.   (x [B, H, W, C], W [C, N/groups, kh, kw], b? [N]) -> [B, H', W', N] with
//   H' = (H - 1) stride + dilation (kh - 1) + 1 - top - bottom + output_padding
// and W' in the same way. Groups are those of Conv2d: of x's channels and the result's. Where the
// kernel is the stride and nothing is padded, ConvTranspose2d is the same and has fast kernels.
struct Deconv2d {
  static constexpr std::string_view kName = "deconv2d";
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  Size2d stride = 1;
  Pads2d padding = 0;         // taken off the result
  Size2d output_padding = 0;  // added below it and on its right
  Size2d dilation = 1;        // distance of the taps
  std::int64_t groups = 1;
  Activation activation = Activation::kNone;

  static void fields(auto& op, auto& v) {
    v("kernel_h", op.kernel_h);
    v("kernel_w", op.kernel_w);
    v("stride", op.stride);
    v("padding", op.padding);
    v("output_padding", op.output_padding, IfSet{});
    v("dilation", op.dilation, IfSet{});
    v("groups", op.groups, IfSet{});
    v("activation", op.activation, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Deconv2d&) const = default;
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

enum class PoolKind : std::uint8_t { kMax, kAverage };
const EnumNames<PoolKind>& names_of(EnumTag<PoolKind> tag);
std::string_view to_string(PoolKind kind);

// The largest or the mean number of each channel under a window.   (x [B, H, W, C] float32; for the
// largest one also bfloat16, float16 or uint8) -> [B, H', W', C] of the same type, with
//   H' = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1
// and W' in the same way. With `ceil` the quotient is rounded up, but the last window begins inside
// of the image or of the padding before it:
//   H' = min(ceil(...), floor((H + top - 1) / stride)) + 1
// Padding is never the largest number. A mean is the sum of the numbers inside of the image over
// their count, or, with `count_padding`, over the count of the window's pixels that are inside of
// the image or its padding. The largest number of nothing is -infinity, or 0 in uint8, and the mean
// 0; that of numbers with a NaN is NaN.
struct Pool2d {
  static constexpr std::string_view kName = "pool2d";
  PoolKind kind = PoolKind::kMax;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  Size2d stride = 1;
  Pads2d padding = 0;
  Size2d dilation = 1;  // distance of the window's pixels
  bool ceil = false;
  bool count_padding = false;  // of a mean

  static void fields(auto& op, auto& v) {
    v("kind", op.kind);
    v("kernel_h", op.kernel_h);
    v("kernel_w", op.kernel_w);
    v("stride", op.stride);
    v("padding", op.padding);
    v("dilation", op.dilation, IfSet{});
    v("ceil", op.ceil, IfSet{});
    v("count_padding", op.count_padding, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Pool2d&) const = default;
};

enum class ResizeMode : std::uint8_t { kNearest, kLinear, kCubic };
const EnumNames<ResizeMode>& names_of(EnumTag<ResizeMode> tag);
std::string_view to_string(ResizeMode mode);

enum class ResizeCoordinates : std::uint8_t {
  kHalfPixel,           // t = (i + 1/2) / s - 1/2
  kHalfPixelSymmetric,  // t = n/2 (1 - m / (s n)) + (i + 1/2) / s - 1/2
  kPytorchHalfPixel,    // as kHalfPixel, and 0 where m = 1
  kAlignCorners,        // t = i (n - 1) / (s n - 1), and 0 where m = 1
  kAsymmetric,          // t = i / s
};
const EnumNames<ResizeCoordinates>& names_of(EnumTag<ResizeCoordinates> tag);
std::string_view to_string(ResizeCoordinates coordinates);

enum class NearestRounding : std::uint8_t {
  kPreferFloor,  // a half down
  kPreferCeil,   // a half up
  kFloor,
  kCeil,
};
const EnumNames<NearestRounding>& names_of(EnumTag<NearestRounding> tag);
std::string_view to_string(NearestRounding rounding);

// An image in another size, as ONNX defines Resize.   (x [B, H, W, C] float32; where the nearest
// pixel is taken also bfloat16, float16 or uint8) -> [B, height, width, C] of the same type
// Along each axis, of n pixels that become m, pixel i of the result stands at t of x, where s is
// the axis's scale, or m / n where that is 0. Then, with k = floor(t) and f = t - k, it is
//   nearest: x[t rounded];   linear: (1 - f) x[k] + f x[k + 1];
//   cubic: the sum of c(f + 1) x[k - 1], c(f) x[k], c(1 - f) x[k + 1] and c(2 - f) x[k + 2] with
//     c(d) = (a + 2) d^3 - (a + 3) d^2 + 1 for d <= 1, else a d^3 - 5 a d^2 + 8 a d - 4 a.
// Pixels outside of x are those at its border; a cubic sum with `exclude_outside` leaves them out
// and is divided by the sum of the other weights. All of this is calculated in float32, as by ONNX
// Runtime, in the order in which it is written; ONNX's own reference takes double precision, where
// another pixel may be the nearest one if t is a tie but for rounding. The s n of kAlignCorners
// and kHalfPixelSymmetric is no integer where a scale is no quotient of sizes; ONNX Runtime has m
// in its place in kAlignCorners, which no scale, 0, stands for.
// With `through_height` and `through_width` x is first resized to that, in the same way by scales
// of its own, and what comes of that to the result's size: two linear sums in one.
struct Resize {
  static constexpr std::string_view kName = "resize";
  ResizeMode mode = ResizeMode::kNearest;
  ResizeCoordinates coordinates = ResizeCoordinates::kHalfPixel;
  NearestRounding rounding = NearestRounding::kPreferFloor;  // where the nearest pixel is taken
  Dim height = 1;
  Dim width = 1;
  float scale_h = 0.0F;
  float scale_w = 0.0F;
  float cubic_a = -0.75F;
  bool exclude_outside = false;  // of a cubic sum
  Dim through_height = 0;        // 0: none
  Dim through_width = 0;
  float through_scale_h = 0.0F;
  float through_scale_w = 0.0F;

  bool is_double() const { return through_height != Dim(0); }

  static void fields(auto& op, auto& v) {
    v("mode", op.mode);
    v("coordinates", op.coordinates);
    v("rounding", op.rounding, IfSet{});
    v("height", op.height, Unprinted{});
    v("width", op.width, Unprinted{});
    v("scale_h", op.scale_h, IfSet{});
    v("scale_w", op.scale_w, IfSet{});
    v("cubic_a", op.cubic_a, IfSet{});
    v("exclude_outside", op.exclude_outside, IfSet{});
    v("through_height", op.through_height, IfSet{});
    v("through_width", op.through_width, IfSet{});
    v("through_scale_h", op.through_scale_h, IfSet{});
    v("through_scale_w", op.through_scale_w, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Resize&) const = default;
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

// y = A u^T, where the rows of u are the pixels of second(ConvTranspose2d(first(LayerNorm(
// ConvTranspose2d(x, W1, b1), gamma, beta)), W2, b2)), both of one stride.   (A [B, M, N], x [B, H,
// W, C], W1 [C, K, s, s], b1? [K], gamma [K], beta [K], W2 [K, N, s, s], b2? [N]) -> [B, M, s^2 H
// s^2 W]. Where the weights are bfloat16 or float16, W1 and W2 and what they are multiplied with
// are rounded to that.
struct MaskUpscaling {
  static constexpr std::string_view kName = "mask_upscaling";
  std::int64_t stride = 2;
  float epsilon = 1e-6F;  // of the LayerNorm
  Activation first = Activation::kNone;
  Activation second = Activation::kNone;
  DType weights = DType::kF32;

  static void fields(auto& op, auto& v) {
    v("stride", op.stride);
    v("epsilon", op.epsilon);
    v("first", op.first, IfSet{});
    v("second", op.second, IfSet{});
    v("weights", op.weights, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const MaskUpscaling&) const = default;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_IMAGES_H_
