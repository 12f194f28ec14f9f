#include "quant/smoothing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/check.h"
#include "core/convert.h"
#include "core/threads.h"
#include "quant/number_schemes.h"

namespace lasso::quant {

namespace {

constexpr std::array kExponents{0.3, 0.4, 0.5, 0.6, 0.7};
constexpr double kWorthwhile = 0.98;
constexpr float kNegligible = 1e-4F;

struct Layer {
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::vector<float> weights;  // [n, k]

  explicit Layer(const TensorView& view) {
    LASSO_CHECK(view.dims.size() == 2, ErrorCode::kInternal, "weights of shape {}",
                to_string(view.dims));
    n = view.dims[0];
    k = view.dims[1];
    weights = read_f32(view);
  }
  TensorView view() const { return {DType::kF32, {n, k}, weights.data()}; }
};

// The numbers that int8 stands for.
struct Rounded {
  std::vector<float> rows;     // [rows, k], of x / s
  std::vector<float> weights;  // [n, k], of W diag(s)
};

Rounded rounded(const InputObserver& input, const Layer& layer, const std::vector<float>& factors) {
  Rounded result;
  const auto k = static_cast<std::size_t>(layer.k);
  result.rows = input.rows();
  std::vector<std::uint8_t> q(k);
  for (std::int64_t r = 0; r < input.row_count(); ++r) {
    float* row = result.rows.data() + r * layer.k;
    for (std::size_t i = 0; i < factors.size(); ++i) row[i] /= factors[i];
    const float scale = quantize_row(row, layer.k, q.data());
    for (std::size_t i = 0; i < k; ++i) {
      row[i] = scale * static_cast<float>(static_cast<int>(q[i]) - 128);
    }
  }
  const Int8Weights weights = quantize_weights(layer.view(), factors);
  result.weights.resize(weights.q.size());
  for (std::size_t i = 0; i < weights.q.size(); ++i) {
    result.weights[i] = weights.scales[i / k] * static_cast<float>(weights.q[i]);
  }
  return result;
}

float dot(const float* a, const float* b, std::int64_t count) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// Y [n, rows] = W X^T. Parallel over n, so that every element is the same sum for any team.
std::vector<float> product(const std::vector<float>& rows, const std::vector<float>& weights,
                           std::int64_t n, std::int64_t k) {
  const std::int64_t count = static_cast<std::int64_t>(rows.size()) / k;
  std::vector<float> y(static_cast<std::size_t>(n * count));
  parallel_ranges(n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t r = 0; r < count; ++r) {
        y[static_cast<std::size_t>(i * count + r)] =
            dot(weights.data() + i * k, rows.data() + r * k, k);
      }
    }
  });
  return y;
}

double error_of(const InputObserver& input, const Layer& layer, const std::vector<float>& exact,
                const std::vector<float>& factors) {
  const Rounded numbers = rounded(input, layer, factors);
  const std::vector<float> y = product(numbers.rows, numbers.weights, layer.n, layer.k);
  double squares = 0;
  double errors = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double difference = static_cast<double>(y[i]) - exact[i];
    errors += difference * difference;
    squares += static_cast<double>(exact[i]) * exact[i];
  }
  return squares > 0 ? errors / squares : 0;
}

std::vector<float> largest_in_columns(const Layer& layer) {
  std::vector<float> largest(static_cast<std::size_t>(layer.k), 0.0F);
  for (std::size_t i = 0; i < layer.weights.size(); ++i) {
    float& column = largest[i % largest.size()];
    column = std::max(column, std::fabs(layer.weights[i]));
  }
  return largest;
}

void check_channels(const InputObserver& input, const Layer& layer) {
  LASSO_CHECK(input.channels() == layer.k, ErrorCode::kInternal,
              "inputs of {} channels were observed, and the layer has {}", input.channels(),
              layer.k);
}

}  // namespace

std::vector<float> smoothing_factors(const std::vector<float>& largest_input,
                                     const std::vector<float>& largest_weight, double exponent) {
  const auto floor_of = [](const std::vector<float>& values) {
    return kNegligible * *std::max_element(values.begin(), values.end());
  };
  const float least_input = floor_of(largest_input);
  const float least_weight = floor_of(largest_weight);
  if (least_input <= 0.0F || least_weight <= 0.0F) {
    return std::vector<float>(largest_input.size(), 1.0F);
  }
  std::vector<double> logarithms(largest_input.size());
  double mean = 0;
  for (std::size_t k = 0; k < logarithms.size(); ++k) {
    logarithms[k] = exponent * std::log(std::max(largest_input[k], least_input)) -
                    (1 - exponent) * std::log(std::max(largest_weight[k], least_weight));
    mean += logarithms[k] / static_cast<double>(logarithms.size());
  }
  std::vector<float> factors;
  for (const double value : logarithms) {
    factors.push_back(static_cast<float>(std::exp(value - mean)));
  }
  return factors;
}

Smoothing search_smoothing(const InputObserver& input, const TensorView& weights) {
  const Layer layer(weights);
  check_channels(input, layer);
  const std::vector<float> exact = product(input.rows(), layer.weights, layer.n, layer.k);
  const std::vector<float> columns = largest_in_columns(layer);
  Smoothing best;
  best.plain_error = error_of(input, layer, exact, {});
  best.error = best.plain_error;
  for (const double exponent : kExponents) {
    std::vector<float> factors = smoothing_factors(input.largest(), columns, exponent);
    const double error = error_of(input, layer, exact, factors);
    if (error < std::min(best.error, kWorthwhile * best.plain_error)) {
      best.factors = std::move(factors);
      best.exponent = exponent;
      best.error = error;
    }
  }
  return best;
}

}  // namespace lasso::quant
