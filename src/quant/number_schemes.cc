#include "quant/number_schemes.h"

#include <limits>

#include "core/check.h"
#include "core/convert.h"

namespace lasso::quant {

graph::Affine scheme_of(const Range& range) {
  LASSO_CHECK(range.low <= range.high && std::isfinite(range.low) && std::isfinite(range.high),
              ErrorCode::kInternal, "a range from {} to {}", range.low, range.high);
  const float low = std::fmin(range.low, 0.0F);
  const float high = std::fmax(range.high, 0.0F);
  const float scale = high / 255.0F - low / 255.0F;
  if (scale < std::numeric_limits<float>::min()) return {1.0F, 0};
  return {scale, static_cast<std::int64_t>(std::nearbyint(-low / scale))};
}

Int8Weights quantize_weights(const TensorView& weights, const std::vector<float>& gain) {
  LASSO_CHECK(weights.dims.size() == 2, ErrorCode::kInternal, "weights of shape {}",
              to_string(weights.dims));
  const std::vector<float> w = read_f32(weights);
  const std::int64_t rows = weights.dims[0];
  std::vector<float> row(static_cast<std::size_t>(weights.dims[1]));
  LASSO_CHECK(gain.empty() || gain.size() == row.size(), ErrorCode::kInternal,
              "a gain of {} values for weights of shape {}", gain.size(), to_string(weights.dims));
  Int8Weights result;
  result.q.reserve(w.size());
  for (std::int64_t n = 0; n < rows; ++n) {
    float largest = 0.0F;
    for (std::size_t k = 0; k < row.size(); ++k) {
      row[k] = w[static_cast<std::size_t>(n) * row.size() + k];
      if (!gain.empty()) row[k] *= gain[k];
      LASSO_CHECK(std::isfinite(row[k]), ErrorCode::kCorruptFile,
                  "the weight [{}, {}] is {}, and weights in int8 must be finite", n, k, row[k]);
      largest = std::max(largest, std::fabs(row[k]));
    }
    // Rows that are too small for a scale, as those of zeros, become zeros.
    const float quotient = largest / 127.0F;
    const float scale = quotient >= std::numeric_limits<float>::min() ? quotient : 1.0F;
    result.scales.push_back(scale);
    for (const float value : row) {
      result.q.push_back(static_cast<std::int8_t>(std::nearbyint(value / scale)));
    }
  }
  return result;
}

}  // namespace lasso::quant
