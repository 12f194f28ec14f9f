// The rules of layers with weights and of products.
#include <optional>

#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

namespace {

// Float32 weights read float32; those of 16 bits either that or their own type.
void require_input_of(const Inputs& in, DType weights) {
  in.require(weights == DType::kF32 || is_half(weights), "weights in float32, bfloat16 or float16");
  if (weights == DType::kF32) {
    in.require_type(0, {DType::kF32});
  } else {
    in.require_type(0, {DType::kF32, weights});
  }
}

void require_scheme(const Inputs& in, const Affine& scheme, bool is_there, const std::string& of) {
  in.require(is_there ? is_scheme(scheme) : scheme == Affine{},
             is_there ? "a positive scale and a zero from 0 to 255 of " + of
                      : "no scale and zero of " + of);
}

void check_types(const Conv2d& op, const Inputs& in) {
  const bool int8 = op.weights == DType::kI8;
  if (int8) {
    in.require_type(0, {DType::kU8});
    in.require(op.groups == 1, "one group for int8 weights");
  } else {
    require_input_of(in, op.weights);
  }
  const bool is_lower = is_half(op.weights) ? op.output == op.weights
                                            : op.output == DType::kBF16 || op.output == DType::kU8;
  in.require(op.output == DType::kF32 || is_lower,
             "a float32 result, or a lower one that the weights allow");
  require_scheme(in, op.input, int8, "x");
  require_scheme(in, op.result, op.output == DType::kU8, "the result");
}

void check_types(const Linear& op, const Inputs& in) {
  const bool int8 = op.weights == DType::kI8;
  in.require(int8 || is_half(op.weights) || op.weights == DType::kF32,
             "weights in float32, bfloat16, float16 or int8");
  if (int8) {
    in.require_type(0, {DType::kU8});
  } else {
    require_input_of(in, op.weights);
  }
  in.require(in.has(4) == int8, "scales for int8 weights, and for no others");
  in.require(!in.has(5) || int8, "a gain for int8 weights only");
  in.require(!in.has(6) || op.output == DType::kU8, "an output gain for a uint8 result only");
  const bool lower = op.weights != DType::kF32 && !in.has(3);
  const bool own = op.output == (int8 ? DType::kBF16 : op.weights);
  in.require(op.output == DType::kF32 || (lower && (own || (int8 && op.output == DType::kU8))),
             "a float32 result, or a lower one that the weights allow, without a residual");
}

// x, or all images that are read as one.
Shape joined_image(const Conv2d& op, const Inputs& in) {
  Shape x = in.shape(0);
  for (std::size_t i = Conv2d::kFirstJoined; i < in.count(); ++i) {
    in.require(op.is_pointwise(), "windows of one pixel of several images");
    in.require_type(i, {in.dtype(0)});
    Shape other = in.shape(i);
    in.require(other.size() == x.size(), "images of one rank");
    x.back() = x.back() + other.back();
    other.back() = x.back();
    in.require(other == x, "images that differ in channels only");
  }
  return x;
}

}  // namespace

Results Linear::infer(const Inputs& in) const {
  in.require_count(2, 7);
  check_types(*this, in);
  in.require_float_from(1);
  in.require_rank(1, 2);
  in.require(in.last(0) == in.shape(1)[1], "the last dimension of x to be the second one of W");
  Shape y = in.shape(0);
  y.back() = in.shape(1)[0];
  if (in.has(2)) in.require_shape(2, {in.shape(1)[0]});
  if (in.has(3)) in.require_shape(3, y);
  if (in.has(4)) in.require_shape(4, Shape(in.shape(0).begin(), in.shape(0).end() - 1));
  if (in.has(5)) in.require_shape(5, {in.shape(1)[1]});
  if (in.has(6)) in.require_shape(6, {in.shape(1)[0]});
  return result_rows(output, std::move(y));
}

Results MatMul::infer(const Inputs& in) const {
  in.require_count(2, 2);
  in.require_float_from(0);
  const Shape& a = in.shape(0);
  const Shape& b = in.shape(1);
  in.require(a.size() >= 2 && b.size() >= 2 && a.back() == b.back(),
             "two or more dimensions and equal last ones");
  Shape y = in.broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  y.push_back(a[a.size() - 2]);
  y.push_back(b[b.size() - 2]);
  return {result(DType::kF32, std::move(y))};
}

Results Conv2d::infer(const Inputs& in) const {
  in.require_count(2, kMostJoined + 2);
  check_types(*this, in);
  in.require_type(1, {DType::kF32});
  in.require_rank(0, 4);
  in.require_rank(1, 4);
  const Shape x = joined_image(*this, in);
  const Dim out = in.shape(1)[0];
  const auto channels = groups > 0 ? x[3].divided_by(groups) : std::nullopt;
  in.require(channels && out.divided_by(groups), "channels and filters that groups divide");
  in.require_shape(1, {out, *channels, kernel_h, kernel_w});
  if (in.has(2)) {
    in.require_type(2, {DType::kF32});
    in.require_shape(2, {out});
  }
  in.require_window({kernel_h, kernel_w, stride.h, stride.w, dilation.h, dilation.w},
                    {padding.top, padding.left, padding.bottom, padding.right});
  const auto size = [&](const Dim& dim, std::int64_t pads, std::int64_t kernel, std::int64_t step,
                        std::int64_t distance) -> Dim {
    const Dim span = dim + Dim(pads - distance * (kernel - 1) - 1);
    in.require(!span.is_constant() || span.constant() >= 0, "an image not smaller than the window");
    return span.floor_divided_by(step) + 1;
  };
  return {graph::result(
      output, {x[0], size(x[1], padding.top + padding.bottom, kernel_h, stride.h, dilation.h),
               size(x[2], padding.left + padding.right, kernel_w, stride.w, dilation.w), out})};
}

Results ConvTranspose2d::infer(const Inputs& in) const {
  in.require_count(2, 3);
  require_input_of(in, weights);
  in.require_float_from(1);
  in.require(output == DType::kF32 || output == weights,
             "a float32 result, or one of the weights' type");
  in.require_rank(0, 4);
  in.require_rank(1, 4);
  const Shape& x = in.shape(0);
  const Dim out = in.shape(1)[1];
  in.require_shape(1, {x[3], out, stride, stride});
  if (in.has(2)) in.require_shape(2, {out});
  return {result(output, {x[0], x[1] * stride, x[2] * stride, out})};
}

Results UpscaledProduct::infer(const Inputs& in) const {
  in.require_count(3, 4);
  in.require_type(0, {DType::kF32});
  in.require(weights == DType::kF32 || is_half(weights), "weights in float32, bfloat16 or float16");
  in.require_type(1, {DType::kF32, weights});
  in.require_float_from(2);
  in.require_rank(1, 4);
  in.require_rank(2, 4);
  const Shape& x = in.shape(1);
  const Dim filters = in.shape(2)[1];
  in.require_rank(0, 3);
  in.require_shape(0, {x[0], in.shape(0)[1], filters});
  in.require_shape(2, {x[3], filters, stride, stride});
  if (in.has(3)) in.require_shape(3, {filters});
  return {result(DType::kF32, {x[0], in.shape(0)[1], x[1] * stride * (x[2] * stride)})};
}

Results MaskUpscaling::infer(const Inputs& in) const {
  in.require_count(1, 8);
  in.require(weights == DType::kF32 || is_half(weights), "weights in float32, bfloat16 or float16");
  in.require_float_from(0);
  in.require_rank(0, 3);
  in.require_rank(1, 4);
  in.require_rank(2, 4);
  in.require_rank(6, 4);
  const Shape& x = in.shape(1);
  const Dim middle = in.shape(2)[1];
  const Dim filters = in.shape(6)[1];
  in.require_window({stride}, {0});
  in.require_shape(0, {x[0], in.shape(0)[1], filters});
  in.require_shape(2, {x[3], middle, stride, stride});
  for (const std::size_t i : {4, 5}) in.require_shape(i, {middle});
  in.require_shape(6, {middle, filters, stride, stride});
  if (in.has(3)) in.require_shape(3, {middle});
  if (in.has(7)) in.require_shape(7, {filters});
  const std::int64_t area = stride * stride;
  return {result(DType::kF32, {x[0], in.shape(0)[1], x[1] * area * (x[2] * area)})};
}

}  // namespace lasso::graph
