// The rules of ops on images beside convolutions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "graph/inputs.h"

namespace lasso::graph {

namespace {

// float32, or, where numbers are chosen and not computed, any type that a layer reads.
void require_movable(const Inputs& in, bool chooses) {
  if (chooses) {
    in.require_type(0, {DType::kF32, DType::kBF16, DType::kF16, DType::kU8});
  } else {
    in.require_type(0, {DType::kF32});
  }
}

// One axis of a pooling window.
struct Window {
  std::int64_t kernel, stride, before, after, dilation;
};

// How many windows there are along `size`. With `ceil` both bounds of the last window's number are
// floors of sizes that differ by a constant, so that the smaller one is known whatever `size` is:
//   ceil((size + before + after - span) / stride) = floor((size + before - 1 + slack) / stride),
//   where span = dilation (kernel - 1) + 1 and slack = after + stride - span.
Dim window_count(const Inputs& in, const Dim& size, const Window& w, bool ceil) {
  const std::int64_t span = w.dilation * (w.kernel - 1) + 1;
  const std::int64_t slack = w.after + w.stride - span;
  const Dim last =
      size + Dim(w.before + (ceil ? std::min<std::int64_t>(slack, 0) - 1 : w.after - span));
  in.require(!last.is_constant() || last.constant() >= 0, "an image not smaller than the window");
  return last.floor_divided_by(w.stride) + 1;
}

}  // namespace

Results Deconv2d::infer(const Inputs& in) const {
  in.require_count(2, 3);
  in.require_float_from(0);
  in.require_rank(0, 4);
  in.require_rank(1, 4);
  const Shape& x = in.shape(0);
  const Dim filters = in.shape(1)[1] * groups;
  in.require(groups > 0 && x[3].divided_by(groups), "channels that groups divide");
  in.require_shape(1, {x[3], in.shape(1)[1], kernel_h, kernel_w});
  if (in.has(2)) in.require_shape(2, {filters});
  in.require_window({kernel_h, kernel_w, stride.h, stride.w, dilation.h, dilation.w},
                    {padding.top, padding.left, padding.bottom, padding.right, output_padding.h,
                     output_padding.w});
  const auto size = [&](const Dim& dim, const Window& w, std::int64_t added) -> Dim {
    Dim result =
        (dim - 1) * w.stride + Dim(w.dilation * (w.kernel - 1) + 1 - w.before - w.after + added);
    in.require(!result.is_constant() || result.constant() > 0, "less padding than result");
    return result;
  };
  const Window h{kernel_h, stride.h, padding.top, padding.bottom, dilation.h};
  const Window w{kernel_w, stride.w, padding.left, padding.right, dilation.w};
  return {result(DType::kF32, {x[0], size(x[1], h, output_padding.h),
                               size(x[2], w, output_padding.w), filters})};
}

Results Pool2d::infer(const Inputs& in) const {
  in.require_count(1, 1);
  require_movable(in, kind == PoolKind::kMax);
  in.require_rank(0, 4);
  in.require_window({kernel_h, kernel_w, stride.h, stride.w, dilation.h, dilation.w},
                    {padding.top, padding.left, padding.bottom, padding.right});
  const Shape& x = in.shape(0);
  const Window h{kernel_h, stride.h, padding.top, padding.bottom, dilation.h};
  const Window w{kernel_w, stride.w, padding.left, padding.right, dilation.w};
  return {result(in.dtype(0),
                 {x[0], window_count(in, x[1], h, ceil), window_count(in, x[2], w, ceil), x[3]})};
}

Results Resize::infer(const Inputs& in) const {
  in.require_count(1, 1);
  require_movable(in, mode == ResizeMode::kNearest);
  in.require_rank(0, 4);
  for (const float scale : {scale_h, scale_w, through_scale_h, through_scale_w}) {
    in.require(std::isfinite(scale) && scale >= 0, "positive scales, or 0 for none");
  }
  in.require(!exclude_outside || mode == ResizeMode::kCubic,
             "cubic weights where outer pixels are left out");
  in.require(is_double() == (through_width != Dim(0)), "a height and a width between");
  in.require(!is_double() || mode == ResizeMode::kLinear, "linear sums where there are two");
  Shape x = in.shape(0);
  for (const auto& [from, to] : {std::pair{&x[1], through_height}, {&x[2], through_width}}) {
    if (!is_double()) break;
    in.require(!to.is_constant() || to.constant() > 0, "a size between that is positive");
    in.require(*from != Dim(0), "pixels to make others of");
    *from = to;
  }
  for (const auto& [from, to] : {std::pair{x[1], height}, std::pair{x[2], width}}) {
    in.require(!to.is_constant() || to.constant() >= 0, "a size that is not negative");
    in.require(from != Dim(0) || to == Dim(0), "pixels to make others of");
  }
  return {result(in.dtype(0), {x[0], height, width, x[3]})};
}

}  // namespace lasso::graph
