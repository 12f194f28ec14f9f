// How numbers of lower precision stand for real ones. Kernels compute with them, and the search for
// smoothing predicts what that costs; both round here.
//
// - bfloat16: to the nearest, ties to even (core/dtype.h).
// - Rows of activations in 8 bits: symmetric, with a scale for each row.
// - What convolutions in int8 read and write: 8 bits by one scheme for the whole value.
// - Weights in int8: symmetric, with a scale for each row, which is an output of the layer.
#ifndef LASSO_QUANT_NUMBER_SCHEMES_H_
#define LASSO_QUANT_NUMBER_SCHEMES_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op_hints.h"
#include "quant/precision_plan.h"

namespace lasso::quant {

// q = round(x / scale) + 128 with scale = max|x| / 127, or 1 for zeros; returns the scale. Products
// with the reciprocal of the scale are rounded, as all kernels do, so that they agree bit for bit.
inline float quantize_row(const float* x, std::int64_t count, std::uint8_t* q) {
  float largest = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float scale = largest > 0.0F ? largest / 127.0F : 1.0F;
  const float inverse = 1.0F / scale;
  for (std::int64_t i = 0; i < count; ++i) {
    const float rounded = std::nearbyint(x[i] * inverse);
    q[i] = static_cast<std::uint8_t>(std::fmin(std::fmax(rounded, -127.0F), 127.0F) + 128.0F);
  }
  return scale;
}

// The scheme whose 256 numbers reach from the range's low end to its high one, with 0 among them,
// so that the padding of images is exact. Throws kInternal for a range of nothing.
graph::Affine scheme_of(const Range& range);

// q = round(x / scale) + zero, from 0 to 255; of NaN 0. Products with the reciprocal are rounded.
inline std::uint8_t quantize(float x, const graph::Affine& scheme) {
  const float rounded = std::nearbyint(x * (1.0F / scheme.scale));
  const float q = rounded + static_cast<float>(scheme.zero);
  return static_cast<std::uint8_t>(std::fmin(std::fmax(q, 0.0F), 255.0F));
}

// Row n of W diag(gain) [n, k] is scales[n] q[n, :], scales[n] = max|row| / 127 and q rounded to
// the nearest, ties to even.
struct Int8Weights {
  std::vector<std::int8_t> q;
  std::vector<float> scales;
};
// An empty gain is 1. Throws kCorruptFile for weights that are not finite.
Int8Weights quantize_weights(const TensorView& weights, const std::vector<float>& gain);

}  // namespace lasso::quant

#endif  // LASSO_QUANT_NUMBER_SCHEMES_H_
