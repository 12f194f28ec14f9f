#include "kernels/resize/resize.h"

#include "core/check.h"

namespace lasso::kernels {

namespace {

ResizeAxis make_axis(graph::ResizeCoordinates coordinates, std::int64_t size, std::int64_t result,
                     float scale) {
  using graph::ResizeCoordinates;
  ResizeAxis axis{.size = size, .result = result};
  const auto n = static_cast<float>(size);
  const auto m = static_cast<float>(result);
  const bool is_scaled = scale != 0.0F;
  const float width = is_scaled ? scale * n : m;  // of the result, perhaps no integer
  axis.divisor = is_scaled ? scale : m / n;
  switch (coordinates) {
    case ResizeCoordinates::kHalfPixelSymmetric:
      axis.offset = n / 2.0F * (1.0F - m / width);
      axis.shift = 0.5F;
      break;
    case ResizeCoordinates::kHalfPixel:
      axis.shift = 0.5F;
      break;
    case ResizeCoordinates::kPytorchHalfPixel:
      axis.shift = result > 1 ? 0.5F : 0.0F;
      break;
    case ResizeCoordinates::kAlignCorners:
      if (result > 1) {
        axis.factor = n - 1.0F;
        axis.divisor = width - 1.0F;
      }
      break;
    case ResizeCoordinates::kAsymmetric:
      break;
  }
  return axis;
}

}  // namespace

ResizeProblem make_resize_problem(const Call& call) {
  const auto& op = std::get<graph::Resize>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  const Dims& y = call.outputs.at(0).dims;
  LASSO_CHECK(x.size() == 4 && y.size() == 4 && x[0] == y[0] && x[3] == y[3], ErrorCode::kInternal,
              "resize: x {} and y {}", to_string(x), to_string(y));
  LASSO_CHECK((x[1] > 0 && x[2] > 0) || element_count(y) == 0, ErrorCode::kInvalidArgument,
              "resize: {} to {}, and there are no pixels to make others of", to_string(x),
              to_string(y));
  ResizeProblem p{.dtype = call.inputs[0].dtype,
                  .mode = op.mode,
                  .rounding = op.rounding,
                  .cubic_a = op.cubic_a,
                  .exclude_outside = op.exclude_outside,
                  .batch = x[0],
                  .channels = x[3],
                  .is_double = op.is_double()};
  std::int64_t height = x[1];
  std::int64_t width = x[2];
  if (p.is_double) {
    const Dims between = graph::evaluate({op.through_height, op.through_width}, {});
    LASSO_CHECK(between[0] > 0 && between[1] > 0, ErrorCode::kInvalidArgument,
                "resize: {} to {} by way of {}", to_string(x), to_string(y), to_string(between));
    p.first_h = make_axis(op.coordinates, height, between[0], op.through_scale_h);
    p.first_w = make_axis(op.coordinates, width, between[1], op.through_scale_w);
    height = between[0];
    width = between[1];
  }
  p.h = make_axis(op.coordinates, height, y[1], op.scale_h);
  p.w = make_axis(op.coordinates, width, y[2], op.scale_w);
  return p;
}

const std::vector<Kernel<ResizeProblem>>& resize_kernels() {
  static const std::vector<Kernel<ResizeProblem>> list{kResizeAvx512, kResizeAvx2, kResizeRef};
  return list;
}

const Family& resize_family() {
  static const ListFamily<ResizeProblem> family("resize", resize_kernels(), make_resize_problem);
  return family;
}

}  // namespace lasso::kernels
