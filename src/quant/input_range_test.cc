#include "quant/input_range.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/random.h"
#include "lasso/error.h"
#include "quant/number_schemes.h"

namespace lasso::quant {
namespace {

InputRange range_of(const std::vector<float>& values) {
  InputObserver observer(1, 1 << 20);
  observer.add(values.data(), static_cast<std::int64_t>(values.size()));
  return search_input_range(observer);
}

TEST(InputObserver, KnowsTheLeastAndTheGreatestNumber) {
  InputObserver observer(2, 1);
  EXPECT_GT(observer.range().low, observer.range().high);
  observer.add(nullptr, 0);
  EXPECT_EQ(observer.range(), Range());
  const std::vector<float> first{3, 4, 5, 6};
  const std::vector<float> second{-1, 2};
  observer.add(first.data(), 2);
  EXPECT_EQ(observer.range(), (Range{3, 6}));
  observer.add(second.data(), 1);
  EXPECT_EQ(observer.range(), (Range{-1, 6}));
}

TEST(InputRange, OfEvenNumbersIsTheirWhole) {
  std::vector<float> values;
  for (int i = -64; i <= 191; ++i) values.push_back(static_cast<float>(i) / 64);
  const InputRange found = range_of(values);
  EXPECT_EQ(found.range, (Range{-1, 191.0F / 64}));
  EXPECT_EQ(found.error, found.plain_error);
  EXPECT_LT(found.error, 1e-12);  // each is one of the 256
}

// 200,000 numbers from -0.25 to 0.75, whose rounding in steps of d costs d^2 / 12 each, and one at
// 1.5: to cut that off at h costs (1.5 - h)^2. Of the ends that are tried 1.125 costs least.
TEST(InputRange, CutsOffWhatIsRare) {
  constexpr int kCount = 200000;
  SplitMix64 random(3);
  std::vector<float> values;
  double squares = 1.5 * 1.5;
  for (int i = 0; i < kCount; ++i) {
    values.push_back(-0.25F + random.uniform());
    squares += static_cast<double>(values.back()) * static_cast<double>(values.back());
  }
  values.push_back(1.5F);
  const InputRange found = range_of(values);
  EXPECT_FLOAT_EQ(found.range.high, 1.125F);
  EXPECT_NEAR(found.range.low, -0.25F, 1e-3F);
  const auto rounding = [](double length) { return kCount * (length / 255) * (length / 255) / 12; };
  EXPECT_NEAR(found.plain_error * squares, rounding(1.75), 0.02 * rounding(1.75));
  const double cut = rounding(1.375) + 0.375 * 0.375;
  EXPECT_NEAR(found.error * squares, cut, 0.02 * cut);
}

TEST(InputRange, OfZerosAndOfOneSign) {
  const InputRange zeros = range_of({0, 0, 0});
  EXPECT_EQ(zeros.range, (Range{0, 0}));
  EXPECT_EQ(zeros.error, 0);
  const InputRange positive = range_of({1, 2, 255});
  EXPECT_EQ(scheme_of(positive.range).zero, 0);
  const InputRange negative = range_of({-1, -2, -255});
  EXPECT_EQ(negative.range, (Range{-255, 0}));
  EXPECT_EQ(scheme_of(negative.range).zero, 255);
  EXPECT_EQ(negative.error, 0);
  // A tenth of the greatest is less than the least.
  const InputRange far = range_of({5, 5.5F, 6});
  EXPECT_EQ(far.range, (Range{0, 6}));
  EXPECT_LT(far.error, 1e-5);
  EXPECT_EQ(range_of({-6, -5.5F, -5}).range, (Range{-6, 0}));
}

TEST(InputRange, RefusesWhatHasNone) {
  EXPECT_THROW(search_input_range(InputObserver(1, 1)), Error);
  EXPECT_THROW(range_of({1, std::numeric_limits<float>::infinity()}), Error);
  for (const std::size_t i : {0, 1, 2}) {
    std::vector<float> values{1, 2, 3};
    values[i] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(range_of(values), Error) << i;
  }
}

}  // namespace
}  // namespace lasso::quant
