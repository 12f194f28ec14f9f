#include "kernels/norm/norm.h"

#include <algorithm>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;

void check(const LayerNormProblem& p, float offset, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.rows * 1000 + p.channels));
  auto x = random.vector(p.rows * p.channels, 3.0F);
  for (float& value : x) value += offset;
  const auto gamma = random.vector(p.channels);
  const auto beta = random.vector(p.channels);
  test::Case<LayerNormProblem> c;
  c.name = std::to_string(p.rows) + "x" + std::to_string(p.channels) + " " +
           std::string(to_string(p.activation)) + " " + std::string(to_string(p.output));
  c.problem = p;
  c.output = p.output;
  c.channels = p.channels;
  c.inputs = {x, gamma, beta};
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* in = x.data() + row * p.channels;
    double mean = 0;
    double largest = 0;
    for (std::int64_t i = 0; i < p.channels; ++i) {
      mean += in[i];
      largest = std::max(largest, std::abs(static_cast<double>(in[i])));
    }
    mean /= static_cast<double>(p.channels);
    double variance = 0;
    for (std::int64_t i = 0; i < p.channels; ++i) variance += (in[i] - mean) * (in[i] - mean);
    variance /= static_cast<double>(p.channels);
    const double scale = 1.0 / std::sqrt(variance + static_cast<double>(p.epsilon));
    for (std::int64_t i = 0; i < p.channels; ++i) {
      const auto channel = static_cast<std::size_t>(i);
      const double normal = (in[i] - mean) * scale;
      const double sum = normal * gamma[channel] + beta[channel];
      const double y = test::activate(p.activation, sum);
      // The mean's error is that of a sum of values up to `largest`; it is scaled with the
      // difference. That of the variance is relative.
      const double mean_error =
          test::sum_tolerance(p.channels, largest) * scale * std::abs(gamma[channel]);
      const double rest = test::sum_tolerance(p.channels, std::abs(normal * gamma[channel])) +
                          2 * test::kEpsilon * (std::abs(sum) + std::abs(beta[channel]));
      c.expected.push_back(y);
      c.tolerance.push_back(test::activation_tolerance(p.activation, mean_error + rest, y));
    }
  }
  test::check_case(layer_norm_kernels(), c, ran);
}

TEST(LayerNorm, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  for (const std::int64_t channels :
       {1, 3, 7, 8, 16, 17, 31, 64, 100, 256, 257, 384, 768, 1024, 1280}) {
    for (const std::int64_t rows : {1, 2, 5, 33}) {
      for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
        for (const DType output : {DType::kF32, DType::kBF16, DType::kF16, DType::kU8}) {
          check({.rows = rows,
                 .channels = channels,
                 .epsilon = 1e-6F,
                 .activation = activation,
                 .output = output},
                0, ran);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
  test::expect_all_ran(layer_norm_kernels(), {.rows = 1, .channels = 8}, ran);
}

// A large mean must not eat the variance.
TEST(LayerNorm, LargeMean) {
  test::Ran ran;
  check({.rows = 40, .channels = 1000, .epsilon = 1e-5F, .activation = Activation::kNone}, 1000.0F,
        ran);
}

TEST(LayerNorm, OtherActivationsAndManyRows) {
  test::Ran ran;
  check({.rows = 1000, .channels = 33, .epsilon = 1e-6F, .activation = Activation::kRelu}, 0, ran);
  check({.rows = 1000, .channels = 33, .epsilon = 1e-6F, .activation = Activation::kSigmoid}, 0,
        ran);
  check({.rows = 100, .channels = 33, .epsilon = 1e-6F, .activation = Activation::kSilu}, 0, ran);
  for (const DType output : {DType::kF32, DType::kBF16, DType::kF16, DType::kU8}) {
    for (const std::int64_t rows : {0, 1000}) {
      check({.rows = rows, .channels = 33, .epsilon = 1e-6F, .output = output}, 0, ran);
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
