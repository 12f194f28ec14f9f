// Resize: an image in another size.
#ifndef LASSO_KERNELS_RESIZE_RESIZE_H_
#define LASSO_KERNELS_RESIZE_RESIZE_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"
#include "kernels/resize/resize_isa.h"

namespace lasso::kernels {

// One axis of the image. Pixel i of the result stands at offset + (i + shift) factor / divisor -
// shift of x: all of graph::ResizeCoordinates are of this form, in which no compiler joins a
// product and a sum, so that every device sees the same numbers.
struct ResizeAxis {
  std::int64_t size = 1;  // of x
  std::int64_t result = 1;
  float offset = 0;
  float shift = 0;
  float factor = 1;
  float divisor = 1;
};

// What a pixel of the result is made of, along one axis: places in x, inside of it, and their
// weights.
struct ResizeSamples {
  std::int64_t places[kMostTaps] = {};
  float weights[kMostTaps] = {};
};

// graph::Resize of x [batch, rows(), columns(), channels].
struct ResizeProblem {
  DType dtype = DType::kF32;  // of x and y
  graph::ResizeMode mode = graph::ResizeMode::kNearest;
  graph::NearestRounding rounding = graph::NearestRounding::kPreferFloor;
  float cubic_a = -0.75F;
  bool exclude_outside = false;
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  ResizeAxis h = {};
  ResizeAxis w = {};
  // Of x to the image that `h` and `w` begin with, where it is resized twice.
  bool is_double = false;
  ResizeAxis first_h = {};
  ResizeAxis first_w = {};

  constexpr std::int64_t rows() const { return is_double ? first_h.size : h.size; }     // of x
  constexpr std::int64_t columns() const { return is_double ? first_w.size : w.size; }  // of x
  std::int64_t count() const { return batch * h.result * w.result * channels; }  // of y's elements
};

// The samples of a pixel along one axis.
constexpr int taps_of(graph::ResizeMode mode, bool is_double) {
  if (mode == graph::ResizeMode::kNearest) return 1;
  return mode == graph::ResizeMode::kLinear && !is_double ? 2 : 4;
}

// Whether t, which is `fraction` above an integer, is rounded up.
constexpr bool is_rounded_up(graph::NearestRounding rounding, float fraction) {
  switch (rounding) {
    case graph::NearestRounding::kPreferFloor:
      return fraction > 0.5F;
    case graph::NearestRounding::kPreferCeil:
      return fraction >= 0.5F;
    case graph::NearestRounding::kFloor:
      return false;
    case graph::NearestRounding::kCeil:
      return fraction > 0.0F;
  }
  return false;
}

// c(d) of graph::Resize for distances up to 1, and those from 1 to 2.
constexpr float near_weight(float a, float d) {
  return ((a + 2.0F) * d - (a + 3.0F)) * d * d + 1.0F;
}
constexpr float far_weight(float a, float d) {
  return ((a * d - 5.0F * a) * d + 8.0F * a) * d - 4.0F * a;
}

// The samples of pixel i of the result along an axis whose size is not 0. `mode` is that of the
// problem. Whatever the scales are, NaN included, places are inside of x: from -2 and from size + 1
// on, all that is seen is x's border.
constexpr ResizeSamples samples_of(const ResizeProblem& p, graph::ResizeMode mode,
                                   const ResizeAxis& axis, std::int64_t i) {
  const float end = static_cast<float>(axis.size) + 1.0F;
  float t =
      axis.offset + (static_cast<float>(i) + axis.shift) * axis.factor / axis.divisor - axis.shift;
  if (!(t > -2.0F)) t = -2.0F;
  if (t > end) t = end;
  auto below = static_cast<std::int64_t>(t);
  if (static_cast<float>(below) > t) --below;
  const float f = t - static_cast<float>(below);
  ResizeSamples samples;
  std::int64_t first = below;
  if (mode == graph::ResizeMode::kNearest) {
    if (is_rounded_up(p.rounding, f)) ++first;
    samples.weights[0] = 1.0F;
  } else if (mode == graph::ResizeMode::kLinear) {
    samples.weights[0] = 1.0F - f;
    samples.weights[1] = f;
  } else {
    --first;
    samples.weights[0] = far_weight(p.cubic_a, f + 1.0F);
    samples.weights[1] = near_weight(p.cubic_a, f);
    samples.weights[2] = near_weight(p.cubic_a, 1.0F - f);
    samples.weights[3] = far_weight(p.cubic_a, 2.0F - f);
  }
  float sum = 0.0F;
  for (int k = 0; k < kMostTaps; ++k) {
    const std::int64_t place = first + k;
    const bool inside = place >= 0 && place < axis.size;
    if (p.exclude_outside && !inside) samples.weights[k] = 0.0F;
    sum += samples.weights[k];
    samples.places[k] = place < 0 ? 0 : place < axis.size ? place : axis.size - 1;
  }
  if (p.exclude_outside && sum != 0.0F) {
    for (float& weight : samples.weights) weight /= sum;
  }
  return samples;
}

// The same of two linear sums, one after another: of each of the second's samples, the first's.
constexpr ResizeSamples double_samples_of(const ResizeProblem& p, const ResizeAxis& first,
                                          const ResizeAxis& second, std::int64_t i) {
  const ResizeSamples outer = samples_of(p, graph::ResizeMode::kLinear, second, i);
  ResizeSamples samples;
  for (int a = 0; a < 2; ++a) {
    const ResizeSamples inner = samples_of(p, graph::ResizeMode::kLinear, first, outer.places[a]);
    for (int b = 0; b < 2; ++b) {
      samples.places[2 * a + b] = inner.places[b];
      samples.weights[2 * a + b] = outer.weights[a] * inner.weights[b];
    }
  }
  return samples;
}

// What row i, or column j, of the result is made of. `mode` and `is_double` are the problem's.
constexpr ResizeSamples row_samples(const ResizeProblem& p, graph::ResizeMode mode, bool is_double,
                                    std::int64_t i) {
  return is_double ? double_samples_of(p, p.first_h, p.h, i) : samples_of(p, mode, p.h, i);
}
constexpr ResizeSamples column_samples(const ResizeProblem& p, graph::ResizeMode mode,
                                       bool is_double, std::int64_t j) {
  return is_double ? double_samples_of(p, p.first_w, p.w, j) : samples_of(p, mode, p.w, j);
}

ResizeProblem make_resize_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<ResizeProblem>>& resize_kernels();

const Family& resize_family();

// The rows of the list.
extern const Kernel<ResizeProblem> kResizeAvx512;
extern const Kernel<ResizeProblem> kResizeAvx2;
extern const Kernel<ResizeProblem> kResizeRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_H_
