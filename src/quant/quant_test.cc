#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "lasso/error.h"
#include "quant/calibrate.h"
#include "quant/number_schemes.h"
#include "quant/observe.h"
#include "quant/search.h"
#include "quant/smoothing.h"
#include "support/tensors.h"

namespace lasso::quant {
namespace {

using test::random_values;

InputObserver observed(const std::vector<float>& x, std::int64_t channels) {
  const auto rows = static_cast<std::int64_t>(x.size()) / channels;
  InputObserver observer(channels, rows);
  observer.add(x.data(), rows);
  return observer;
}

TEST(InputObserver, KeepsTheLargestOfAllRowsAndSomeRows) {
  InputObserver observer(2, 3);
  std::vector<float> x(200);
  for (std::size_t i = 0; i < 100; ++i) {
    x[2 * i] = -static_cast<float>(i);
    x[2 * i + 1] = 0.5F;
  }
  observer.add(x.data(), 100);
  observer.add(x.data(), 2);
  EXPECT_EQ(observer.largest(), (std::vector<float>{99.0F, 0.5F}));
  ASSERT_EQ(observer.row_count(), 5);
  std::set<float> different;
  for (std::size_t r = 0; r < 3; ++r) different.insert(observer.rows()[2 * r]);
  EXPECT_EQ(different.size(), 3U);
  EXPECT_EQ(observer.rows()[6], 0.0F);  // both rows of the second call
  EXPECT_EQ(observer.rows()[8], -1.0F);
}

TEST(Smoothing, FactorsBalanceInputsAndWeights) {
  // sqrt(4 / 1) : sqrt(1 / 4) = 4 : 1, with the geometric mean 1.
  const std::vector<float> factors = smoothing_factors({4, 1}, {1, 4}, 0.5);
  EXPECT_FLOAT_EQ(factors[0], 2.0F);
  EXPECT_FLOAT_EQ(factors[1], 0.5F);
}

TEST(Smoothing, DeadChannelsAndDeadLayersKeepFactorsFinite) {
  for (const float factor : smoothing_factors({1, 0, 2}, {0, 1, 1}, 0.5)) {
    EXPECT_TRUE(std::isfinite(factor) && factor > 0) << factor;
  }
  EXPECT_EQ(smoothing_factors({0, 0}, {1, 1}, 0.5), (std::vector<float>{1, 1}));
}

TEST(Smoothing, RepairsAnOutlierChannel) {
  constexpr std::int64_t kChannels = 96;
  std::vector<float> x = random_values(64 * kChannels, 1);
  for (std::size_t i = 5; i < x.size(); i += kChannels) x[i] *= 100;
  std::vector<float> w = random_values(48 * kChannels, 2);
  for (std::size_t i = 5; i < w.size(); i += kChannels) w[i] /= 100;
  const InputObserver input = observed(x, kChannels);
  const Smoothing smoothing = search_smoothing(input, {DType::kF32, {48, kChannels}, w.data()});
  // The channel sets the step of every row: about 100 / 127 where the others are about 1, an error
  // of step / sqrt(12) = 0.23 in each, 0.05 in squares. With the outlier smoothed away: about 3 /
  // 127.
  EXPECT_GT(smoothing.plain_error, 0.04);
  EXPECT_LT(smoothing.error, smoothing.plain_error / 100);
  EXPECT_GT(smoothing.factors[5], 10 * smoothing.factors[0]);
}

TEST(Smoothing, IsLeftAwayWhereItDoesNotHelp) {
  // All inputs of one size, and all weights: nothing to be balanced.
  std::vector<float> x = random_values(32 * 64, 3);
  std::vector<float> w = random_values(64 * 64, 4);
  for (float& value : x) value = value < 0 ? -1.0F : 1.0F;
  for (float& value : w) value = value < 0 ? -1.0F : 1.0F;
  const Smoothing smoothing = search_smoothing(observed(x, 64), {DType::kF32, {64, 64}, w.data()});
  EXPECT_TRUE(smoothing.factors.empty());
  EXPECT_EQ(smoothing.exponent, 0);
  EXPECT_EQ(smoothing.error, smoothing.plain_error);
}

// A layer's error in int8 by its definition, in double precision: |y' - y| / |y|; and how far that
// of sums in float32 may lie from it. A sum of k products errs by at most epsilon (3 + sqrt(k)) of
// the sum of their magnitudes, and so do y and y'.
struct Int8Error {
  double relative = 0;
  double tolerance = 0;
};

Int8Error int8_error(const InputObserver& input, const TensorView& weights,
                     const std::vector<float>& factors) {
  const auto k = static_cast<std::size_t>(input.channels());
  const auto n = static_cast<std::size_t>(weights.dims[0]);
  const Int8Weights int8 = quantize_weights(weights, factors);
  std::vector<std::uint8_t> q(k);
  double differences = 0;
  double squares = 0;
  double magnitudes = 0;
  for (std::size_t m = 0; m < static_cast<std::size_t>(input.row_count()); ++m) {
    const float* x = input.rows().data() + m * k;
    std::vector<float> divided(x, x + k);
    for (std::size_t i = 0; i < factors.size(); ++i) divided[i] /= factors[i];
    const double scale = quantize_row(divided.data(), input.channels(), q.data());
    for (std::size_t j = 0; j < n; ++j) {
      double exact = 0;
      double rounded = 0;
      double magnitude = 0;
      for (std::size_t i = 0; i < k; ++i) {
        const double product = double{x[i]} * weights.as<float>()[j * k + i];
        exact += product;
        magnitude += std::abs(product);
        rounded += scale * (q[i] - 128) * int8.scales[j] * int8.q[j * k + i];
      }
      differences += (rounded - exact) * (rounded - exact);
      squares += exact * exact;
      magnitudes += magnitude * magnitude;
    }
  }
  const double roundings = 0x1p-23 * (3 + std::sqrt(static_cast<double>(k)));
  return {std::sqrt(differences / squares), 2 * roundings * std::sqrt(magnitudes / squares)};
}

TEST(Smoothing, NeverIncreasesTheErrorAndStatesIt) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    std::vector<float> x = random_values(40 * 48, 10 + seed);
    const std::vector<float> gains = random_values(48, 30 + seed);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] *= std::exp(static_cast<float>(seed) / 3 * gains[i % 48]);
    }
    const std::vector<float> w = random_values(24 * 48, 50 + seed);
    const TensorView weights{DType::kF32, {24, 48}, w.data()};
    const InputObserver input = observed(x, 48);
    const Smoothing smoothing = search_smoothing(input, weights);
    EXPECT_LE(smoothing.error, smoothing.plain_error);
    const Int8Error smoothed = int8_error(input, weights, smoothing.factors);
    EXPECT_NEAR(std::sqrt(smoothing.error), smoothed.relative, smoothed.tolerance);
    const Int8Error plain = int8_error(input, weights, {});
    EXPECT_NEAR(std::sqrt(smoothing.plain_error), plain.relative, plain.tolerance);
  }
}

TEST(NumberSchemes, WeightsAreRoundedWithTheirGain) {
  const std::vector<float> w{1, -2, 0, 0, 3, 4};
  const TensorView view{DType::kF32, {3, 2}, w.data()};
  const Int8Weights plain = quantize_weights(view, {});
  EXPECT_EQ(plain.q, (std::vector<std::int8_t>{64, -127, 0, 0, 95, 127}));
  EXPECT_EQ(plain.scales, (std::vector<float>{2.0F / 127, 1, 4.0F / 127}));
  const Int8Weights gained = quantize_weights(view, {4, 1});
  EXPECT_EQ(gained.q, (std::vector<std::int8_t>{127, -64, 0, 0, 127, 42}));
  EXPECT_EQ(gained.scales[0], 4.0F / 127);
  const std::vector<float> broken{1, std::numeric_limits<float>::infinity()};
  EXPECT_THROW(quantize_weights({DType::kF32, {1, 2}, broken.data()}, {}), Error);
}

TEST(LeastThatReaches, FindsTheLeastWithFewQuestions) {
  for (const int count : {0, 1, 5, 24, 128}) {
    for (int least = 0; least <= count; ++least) {
      int questions = 0;
      const auto found = least_that_reaches(count, [&](int k) {
        ++questions;
        return k >= least;
      });
      EXPECT_EQ(found, least);
      EXPECT_LE(questions, 15);
    }
    EXPECT_EQ(least_that_reaches(count, [](int) { return false; }), std::nullopt);
  }
}

constexpr auto kInt8 = DType::kI8;
constexpr auto kBf16 = DType::kBF16;
constexpr auto kFp16 = DType::kF16;
constexpr auto kFp32 = DType::kF32;

// A model whose masks lose a fixed part for each layer, by its precision, and for the rest.
struct Losses {
  std::vector<double> int8;
  std::vector<double> bf16;
  double rest = 0;  // in bfloat16

  double of(const Assignment& assignment) const {
    double loss = assignment.rest == kBf16 ? rest : 0;
    for (std::size_t i = 0; i < int8.size(); ++i) {
      if (assignment.layers[i] == kInt8) loss += int8[i];
      if (assignment.layers[i] == kBf16) loss += bf16[i];
    }
    return loss;
  }
  Assignment choose(double allowed, bool has_bf16) const {
    return choose_precisions({int8.size(), cpu_candidates(has_bf16),
                              [&](const Assignment& assignment) {
                                if (!has_bf16) {
                                  EXPECT_EQ(assignment.count(kBf16), 0);
                                  EXPECT_EQ(assignment.rest, kFp32);
                                }
                                return of(assignment) <= allowed;
                              },
                              [&] { return int8; }});
  }
};

// In hundredths: sums are exact.
const Losses kSix{{1, 9, 2, 30, 4, 3}, {0.25, 0.5, 0.25, 1, 0.25, 0.25}, 0.5};

TEST(ChoosePrecisions, AllInt8IsTakenAndNothingRankedWhereItReaches) {
  const auto choose = [](Candidates candidates) {
    return choose_precisions({3, std::move(candidates), [](const Assignment&) { return true; },
                              []() -> std::vector<double> {
                                ADD_FAILURE() << "ranked";
                                return {0, 0, 0};
                              }});
  };
  EXPECT_EQ(choose(cpu_candidates(true)), uniform(3, kInt8, kBf16));
  EXPECT_EQ(choose(gpu_candidates(true)), uniform(3, kFp16, kFp16));
}

// On a GPU: layer 1 overflows in float16, and then no mask is right.
TEST(ChoosePrecisions, OnAGpuALayerThatOverflowsTakesBf16) {
  const auto choose = [](double bf16_loss, bool has_bf16, double allowed) {
    const auto loss = [&](const Assignment& a) {
      double sum = a.rest == kBf16 ? bf16_loss : 0;
      for (const DType type : a.layers) sum += type == kBf16 ? bf16_loss : 0;
      return a.layers[1] == kFp16 ? 100 : sum;
    };
    return choose_precisions({3, gpu_candidates(has_bf16),
                              [&](const Assignment& a) { return loss(a) <= allowed; },
                              [] {
                                return std::vector<double>{0, 100, 0};
                              }});
  };
  EXPECT_EQ(choose(1, true, 4), uniform(3, kBf16, kBf16));
  const Assignment mixed = choose(1, true, 1);
  EXPECT_EQ(mixed.layers, (std::vector<DType>{kFp16, kBf16, kFp16}));
  EXPECT_EQ(mixed.rest, kFp16);
  const std::vector<DType> exact{kFp16, kFp32, kFp16};
  EXPECT_EQ(choose(1, true, 0).layers, exact);
  EXPECT_EQ(choose(1, false, 0).layers, exact);
}

TEST(ChoosePrecisions, TheMostSensitiveLayersAreKept) {
  // All in int8: 49.5. Without layer 3: 20.5; without 3 and 1 as well: 12.
  const Assignment chosen = kSix.choose(12, true);
  EXPECT_EQ(chosen.layers, (std::vector<DType>{kInt8, kBf16, kInt8, kBf16, kInt8, kInt8}));
  EXPECT_EQ(chosen.rest, kBf16);
  // One less does not reach.
  EXPECT_EQ(kSix.choose(20.5, true).layers,
            (std::vector<DType>{kInt8, kInt8, kInt8, kBf16, kInt8, kInt8}));
}

TEST(ChoosePrecisions, WithoutBf16LayersAreKeptInFloat32) {
  const Assignment chosen = kSix.choose(12, false);
  EXPECT_EQ(chosen.layers, (std::vector<DType>{kInt8, kFp32, kInt8, kFp32, kInt8, kInt8}));
  EXPECT_EQ(chosen.rest, kFp32);
  EXPECT_EQ(kSix.choose(0, false), uniform(6, kFp32, kFp32));
}

TEST(ChoosePrecisions, WhereBf16IsNotEnoughSomeLayersTakeFloat32) {
  // All in bfloat16: 3 with the rest. Layer 3 in float32 takes 1 off, layer 1 another 0.5.
  EXPECT_EQ(kSix.choose(1.5, true).layers,
            (std::vector<DType>{kBf16, kFp32, kBf16, kFp32, kBf16, kBf16}));
  EXPECT_EQ(kSix.choose(0, true), uniform(6, kFp32, kFp32));
}

TEST(ChoosePrecisions, ARestThatHurtsStaysFloat32) {
  Losses losses = kSix;
  losses.rest = 20;
  // Layers need not pay for it.
  EXPECT_EQ(losses.choose(49, true), uniform(6, kInt8, kFp32));
  const Assignment chosen = losses.choose(11.5, true);
  EXPECT_EQ(chosen.layers, (std::vector<DType>{kInt8, kBf16, kInt8, kBf16, kInt8, kInt8}));
  EXPECT_EQ(chosen.rest, kFp32);
}

// A model of two layers whose results are exact but for what int8 costs its second one.
TEST(Calibration, MeasuresEachAssignmentOnce) {
  CalibrationTask task;
  task.layers = {"a", "b"};
  task.candidates = cpu_candidates(true);
  task.aim = 0.9;
  task.lower_rest = [](PrecisionPlan& plan, DType half) { plan.window_attention = half; };
  int built = 0;
  const auto mean = [](const PrecisionPlan& plan) {
    const auto b = plan.layers.find("b");
    return b != plan.layers.end() && b->second.weights == DType::kI8 ? 0.8 : 1.0;
  };
  task.measure = [&](const PrecisionPlan& plan) {
    ++built;
    return Score{mean(plan), mean(plan), 0.01, 1};
  };
  task.measure_few = mean;
  Calibration calibration(task);
  EXPECT_EQ(calibration.uniform(kInt8), uniform(2, kInt8, kBf16));
  EXPECT_EQ(calibration.uniform(kFp32), uniform(2, kFp32, kFp32));
  const Assignment chosen = calibration.choose();
  EXPECT_EQ(chosen.layers, (std::vector<DType>{kInt8, kBf16}));
  EXPECT_EQ(chosen.rest, kBf16);
  EXPECT_EQ(calibration.losses(), (std::vector<double>{0, 1 - 0.8}));
  const int before = built;
  calibration.trial(chosen);
  EXPECT_EQ(built, before);
  EXPECT_EQ(static_cast<int>(calibration.trials().size()), built);
  const PrecisionPlan plan = calibration.plan(chosen);
  EXPECT_EQ(plan.window_attention, DType::kBF16);
  EXPECT_EQ(plan.layers.at("a").weights, DType::kI8);
  EXPECT_TRUE(plan.layers.at("a").smoothing.empty());
}

}  // namespace
}  // namespace lasso::quant
