// Resize and Upsample.
#include <algorithm>
#include <cmath>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::NearestRounding;
using graph::ResizeCoordinates;
using graph::ResizeMode;
using graph::Shape;
using graph::ValueId;

namespace {

struct AxisSize {
  Dim size = 1;        // of the result
  float scale = 0.0F;  // 0: the quotient of the sizes
};

ResizeMode mode_of(const NodeContext& n) {
  const std::string mode = n.text("mode", "nearest");
  if (mode == "nearest") return ResizeMode::kNearest;
  if (mode == "linear" || mode == "bilinear") return ResizeMode::kLinear;
  n.check(mode == "cubic", "attribute mode is \"{}\"", mode);
  return ResizeMode::kCubic;
}

// Before version 11, pixels were not thought of as areas.
ResizeCoordinates coordinates_of(const NodeContext& n) {
  if (n.opset() < 11) return ResizeCoordinates::kAsymmetric;
  const std::string mode = n.text("coordinate_transformation_mode", "half_pixel");
  if (mode == "half_pixel") return ResizeCoordinates::kHalfPixel;
  if (mode == "half_pixel_symmetric") return ResizeCoordinates::kHalfPixelSymmetric;
  if (mode == "pytorch_half_pixel") return ResizeCoordinates::kPytorchHalfPixel;
  if (mode == "align_corners") return ResizeCoordinates::kAlignCorners;
  if (mode == "asymmetric") return ResizeCoordinates::kAsymmetric;
  n.unsupported("the coordinates \"{}\"", mode);
}

NearestRounding rounding_of(const NodeContext& n) {
  if (n.opset() < 11) return NearestRounding::kFloor;
  const std::string mode = n.text("nearest_mode", "round_prefer_floor");
  if (mode == "round_prefer_floor") return NearestRounding::kPreferFloor;
  if (mode == "round_prefer_ceil") return NearestRounding::kPreferCeil;
  if (mode == "floor") return NearestRounding::kFloor;
  n.check(mode == "ceil", "attribute nearest_mode is \"{}\"", mode);
  return NearestRounding::kCeil;
}

AxisSize scaled(const NodeContext& n, const Dim& size, float scale) {
  constexpr float kMost = 1 << 24;
  n.check(scale >= 1.0F / kMost && scale <= kMost, "a scale of {}", scale);
  if (size.is_constant()) {
    return {static_cast<std::int64_t>(std::floor(static_cast<float>(size.constant()) * scale)),
            scale};
  }
  if (scale == std::floor(scale)) return {size * Dim(static_cast<std::int64_t>(scale)), scale};
  const float divisor = 1.0F / scale;
  if (divisor != std::floor(divisor)) n.unsupported("the scale {} of an open size", scale);
  return {size.floor_divided_by(static_cast<std::int64_t>(divisor)), scale};
}

// One scale for all axes that are resized: the least or the largest one that the sizes ask for.
void keep_aspect_ratio(const NodeContext& n, const std::string& policy, const Axes& axes,
                       std::vector<AxisSize>& all) {
  n.check(policy == "not_larger" || policy == "not_smaller",
          "attribute keep_aspect_ratio_policy is \"{}\"", policy);
  std::optional<float> scale;
  for (const std::int64_t axis : axes) {
    const Dim& from = n.shape(0)[static_cast<std::size_t>(axis)];
    const Dim& to = all[static_cast<std::size_t>(axis)].size;
    if (!from.is_constant() || !to.is_constant()) n.unsupported("{} of an open size", policy);
    n.check(from.constant() > 0 && to.constant() > 0, "the size {} of {}", to.constant(),
            from.constant());
    const float own = static_cast<float>(to.constant()) / static_cast<float>(from.constant());
    if (!scale) scale = own;
    scale = policy == "not_larger" ? std::min(*scale, own) : std::max(*scale, own);
  }
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(axis);
    const auto from = static_cast<float>(n.shape(0)[at].constant());
    all[at] = {static_cast<std::int64_t>(std::round(from * scale.value_or(1.0F))),
               scale.value_or(1.0F)};
  }
}

// Of every axis of the input.
std::vector<AxisSize> sizes_of(NodeContext& n) {
  const Shape& x = n.shape(0);
  std::vector<AxisSize> all;
  for (const Dim& size : x) all.push_back({size, 1.0F});
  Axes axes;
  if (const auto given = n.integer_list("axes")) {
    axes = n.axes(*given, n.rank(0));
  } else {
    for (std::int64_t i = 0; i < n.rank(0); ++i) axes.push_back(i);
  }
  const bool old = n.opset() < 11;
  const std::size_t scales_input = old ? 1 : 2;
  const auto count = axes.size();
  if (n.has(3) && !old && graph::product(n.shape(3)) != Dim(0)) {
    const std::vector<Dim> sizes = n.sizes(3, "the sizes");
    n.check(sizes.size() == count, "{} sizes of {} axes", sizes.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      AxisSize& axis = all[static_cast<std::size_t>(axes[i])];
      if (axis.size != sizes[i]) axis = {sizes[i], 0.0F};
    }
    const std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch") keep_aspect_ratio(n, policy, axes, all);
    return all;
  }
  std::vector<float> scales;
  if (n.op_type() == "Upsample" && n.opset() < 9) {
    const auto list = n.number_list("scales");
    n.check(list.has_value(), "attribute scales is missing");
    scales = *list;
  } else {
    n.check(n.has(scales_input), "neither scales nor sizes");
    scales = n.floats(scales_input, "the scales");
  }
  n.check(scales.size() == count, "{} scales of {} axes", scales.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(axes[i]);
    if (scales[i] != 1.0F) all[at] = scaled(n, x[at], scales[i]);
  }
  return all;
}

void import_resize(NodeContext& n) {
  n.require_float();
  graph::Resize op;
  op.mode = mode_of(n);
  op.coordinates = coordinates_of(n);
  op.rounding = rounding_of(n);
  op.cubic_a = n.number("cubic_coeff_a", -0.75F);
  op.exclude_outside = n.integer("exclude_outside", 0) != 0;
  const Shape x = n.shape(0);
  const std::vector<AxisSize> sizes = sizes_of(n);
  Axes changed;
  bool shrinks = false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (sizes[i].size == x[i] && (sizes[i].scale == 1.0F || sizes[i].scale == 0.0F)) continue;
    changed.push_back(static_cast<std::int64_t>(i));
    shrinks = shrinks || !x[i].is_constant() || !sizes[i].size.is_constant() ||
              sizes[i].size.constant() < x[i].constant();
  }
  if (changed.empty()) return n.pass(0);
  if (n.integer("antialias", 0) != 0 && shrinks && op.mode != ResizeMode::kNearest) {
    n.unsupported("antialiasing");
  }
  const std::int64_t last = changed.back();
  const bool one = changed.size() == 1;
  if (changed.size() > 2 || (!one && changed.front() + 1 != last)) {
    n.unsupported("more than two axes, or two apart");
  }
  const AxisSize& w = sizes[static_cast<std::size_t>(last)];
  op.width = w.size;
  op.scale_w = w.scale;
  const auto result_of = [&](ValueId image) { return n.add(op, {image}); };
  // An image with channels before pixels, as those of the convolutions around it.
  if (x.size() == 4 && last >= 2 && (one || changed.front() == 2)) {
    const AxisSize& h = sizes[2];
    const AxisSize& columns = sizes[3];
    op.height = h.size;
    op.scale_h = h.scale;
    op.width = columns.size;
    op.scale_w = columns.scale;
    const ValueId y = result_of(n.transpose(n.value(0), {0, 2, 3, 1}));
    return n.result(0, n.transpose(y, {0, 3, 1, 2}));
  }
  const std::int64_t first = changed.front();
  Shape image{graph::product({x.begin(), x.begin() + first}),
              one ? Dim(1) : x[static_cast<std::size_t>(first)], x[static_cast<std::size_t>(last)],
              graph::product({x.begin() + last + 1, x.end()})};
  op.height = one ? Dim(1) : sizes[static_cast<std::size_t>(first)].size;
  op.scale_h = one ? 1.0F : sizes[static_cast<std::size_t>(first)].scale;
  Shape shape;
  for (const AxisSize& size : sizes) shape.push_back(size.size);
  n.result(0, n.reshape(result_of(n.reshape(n.value(0), image)), shape));
}

}  // namespace

const std::vector<Operator>& resize_operators() {
  static const std::vector<Operator> list{
      {"Resize", import_resize},
      {"Upsample", import_resize},
  };
  return list;
}

}  // namespace lasso::onnx
