// The geometry of boxes, the same for the CPU and for GPUs, whose code is compiled without fused
// multiply-adds: a last bit decides whether a box stays.
#ifndef LASSO_KERNELS_NMS_NMS_BOX_H_
#define LASSO_KERNELS_NMS_NMS_BOX_H_

namespace lasso::kernels {

// Corners.
struct Box {
  float x0 = 0;
  float y0 = 0;
  float x1 = 0;
  float y1 = 0;
};

constexpr float smaller(float a, float b) { return b < a ? b : a; }
constexpr float larger(float a, float b) { return a < b ? b : a; }

// The same box from its least to its largest corner.
constexpr Box ordered(const Box& box) {
  return {smaller(box.x0, box.x1), smaller(box.y0, box.y1), larger(box.x0, box.x1),
          larger(box.y0, box.y1)};
}

constexpr Box from_corners(const float* box) { return {box[0], box[1], box[2], box[3]}; }

constexpr Box around(float x, float y, float width, float height) {
  const float half_width = width * 0.5F;
  const float half_height = height * 0.5F;
  return {x - half_width, y - half_height, x + half_width, y + half_height};
}

constexpr Box from_center(const float* box) { return around(box[0], box[1], box[2], box[3]); }

// Corners that are relative to an anchor's.
constexpr Box from_corners(const float* box, const float* anchor) {
  const Box a = ordered(from_corners(box));
  const Box b = ordered(from_corners(anchor));
  return {a.x0 + b.x0, a.y0 + b.y0, a.x1 + b.x1, a.y1 + b.y1};
}

// A centre that is relative to an anchor's, in its sides, which are multiplied by exp(box[2]) and
// exp(box[3]).
constexpr Box from_center(const float* box, const float* anchor, float exp_width,
                          float exp_height) {
  return around(box[0] * anchor[2] + anchor[0], box[1] * anchor[3] + anchor[1],
                anchor[2] * exp_width, anchor[3] * exp_height);
}

// On both axes.
constexpr Box moved(const Box& box, float distance) {
  return {box.x0 + distance, box.y0 + distance, box.x1 + distance, box.y1 + distance};
}

constexpr float area(const Box& box) {
  const float width = box.x1 - box.x0;
  const float height = box.y1 - box.y0;
  return width <= 0.0F || height <= 0.0F ? 0.0F : width * height;
}

// Intersection over union of ordered boxes; 0 where one has no area.
constexpr float overlap(const Box& a, const Box& b) {
  const float intersection =
      area({larger(a.x0, b.x0), larger(a.y0, b.y0), smaller(a.x1, b.x1), smaller(a.y1, b.y1)});
  if (intersection <= 0.0F) return 0.0F;
  const float both = area(a) + area(b) - intersection;
  return both <= 0.0F ? 0.0F : intersection / both;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NMS_NMS_BOX_H_
