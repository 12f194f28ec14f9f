// How weights are rounded to int8, for all kernels.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "kernels/cpu/constant.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

Int8Weights quantize_weights(const LinearProblem& p, const std::vector<TensorView>& constants) {
  const auto values = [&](std::size_t index, std::int64_t count, float absent) {
    std::vector<float> result(static_cast<std::size_t>(count), absent);
    if (index < constants.size() && constants[index].data != nullptr) {
      read_f32(constants[index], result.data());
    }
    return result;
  };
  const std::vector<float> w = read_f32(constants.at(0));
  const std::vector<float> gain = values(2, p.k, 1.0F);
  Int8Weights result;
  result.bias = values(1, p.n, 0.0F);
  result.output_gain = values(3, p.n, 1.0F);
  result.q.resize(w.size());
  std::vector<float> row(static_cast<std::size_t>(p.k));
  for (std::int64_t n = 0; n < p.n; ++n) {
    float largest = 0.0F;
    for (std::size_t k = 0; k < row.size(); ++k) {
      row[k] = w[static_cast<std::size_t>(n * p.k) + k] * gain[k];
      LASSO_CHECK(std::isfinite(row[k]), ErrorCode::kCorruptFile,
                  "the weight [{}, {}] is {}, and weights in int8 must be finite", n, k, row[k]);
      largest = std::max(largest, std::fabs(row[k]));
    }
    // Rows that are too small for a scale, as those of zeros, become zeros.
    const float quotient = largest / 127.0F;
    const float scale = quotient >= std::numeric_limits<float>::min() ? quotient : 1.0F;
    result.scales.push_back(scale);
    for (std::size_t k = 0; k < row.size(); ++k) {
      result.q[static_cast<std::size_t>(n * p.k) + k] =
          static_cast<std::int8_t>(std::nearbyint(row[k] / scale));
    }
  }
  return result;
}

}  // namespace lasso::kernels
