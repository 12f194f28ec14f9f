#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

void check_softmax(const SoftmaxProblem& p, float scale, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.outer * 31 + p.count * 7 + p.inner));
  const auto x = random.vector(p.outer * p.count * p.inner, scale);
  test::Case<SoftmaxProblem> c;
  c.name = to_string(Dims{p.outer, p.count, p.inner});
  c.problem = p;
  c.inputs = {x};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t first = at / (p.count * p.inner) * p.count * p.inner + at % p.inner;
    double max = -1e30;
    for (std::int64_t k = 0; k < p.count; ++k) {
      max = std::max(max, double{x[static_cast<std::size_t>(first + k * p.inner)]});
    }
    double sum = 0;
    for (std::int64_t k = 0; k < p.count; ++k) {
      sum += std::exp(x[static_cast<std::size_t>(first + k * p.inner)] - max);
    }
    const double y = std::exp(x[i] - max) / sum;
    c.expected.push_back(y);
    // The difference to the maximum is rounded once, by half an epsilon of up to 2 * scale, and
    // both exponential and sum are off by as much, relatively; the sum is one of positive numbers.
    c.tolerance.push_back(
        y * (2 * test::kEpsilon * scale + test::sum_tolerance(p.count, 1.0) + 2 * test::kEpsilon) +
        1e-38);
  }
  test::check_case(softmax_kernels(), c, ran);
}

TEST(Softmax, AnyAxis) {
  test::Ran ran;
  check_softmax({.outer = 5, .count = 33}, 4.0F, ran);
  check_softmax({.outer = 2, .count = 7, .inner = 19}, 4.0F, ran);
  check_softmax({.count = 1, .inner = 3}, 4.0F, ran);
  check_softmax({.outer = 3, .count = 100}, 300.0F,
                ran);  // exponentials of the sums would overflow
  check_softmax({.outer = 0, .count = 4}, 1.0F, ran);
  // Shorter than a vector, whole vectors, and rests.
  for (const std::int64_t count : {1, 5, 8, 16, 17, 31, 49}) {
    check_softmax({.outer = 7, .count = count}, 4.0F, ran);
    check_softmax({.outer = 2, .count = 3, .inner = count}, 4.0F, ran);
  }
  // Enough that threads divide a matrix.
  check_softmax({.outer = 3, .count = 90, .inner = 37}, 4.0F, ran);
  for (const std::int64_t count : {300, 700, 3000, 5000}) {
    check_softmax({.outer = 3, .count = count}, 4.0F, ran);
  }
  EXPECT_FALSE(ran.empty());
}

// What a mask makes of scores: no part at all; of all of them NaN, as of a NaN.
TEST(Softmax, KnowsInfinityAndNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr std::int64_t kCount = 21;
  const TargetInfo target = test::test_target(2);
  for (const std::int64_t inner : {1, 2}) {
    std::vector<float> x(static_cast<std::size_t>(4 * kCount), 1.0F);
    const auto set = [&](std::int64_t row, std::int64_t k, float value) {
      const std::int64_t at =
          inner == 1 ? row * kCount + k : row / inner * kCount * inner + k * inner + row % inner;
      x[static_cast<std::size_t>(at)] = value;
    };
    for (std::int64_t k = 0; k < kCount; ++k) {
      set(0, k, k == 20 ? 3.0F : -kInfinity);
      set(1, k, -kInfinity);
    }
    set(2, 19, std::numeric_limits<float>::quiet_NaN());
    const SoftmaxProblem problem{.outer = 4 / inner, .count = kCount, .inner = inner};
    for (const Kernel<SoftmaxProblem>& kernel : softmax_kernels()) {
      const Offer offer = ask(kernel, problem, target);
      if (!offer) continue;
      std::vector<float> y(x.size());
      const void* inputs[] = {x.data()};
      void* outputs[] = {y.data()};
      kernel.run(*kernel.create(problem, target, offer), {.inputs = inputs, .outputs = outputs});
      const auto at = [&](std::int64_t row, std::int64_t k) {
        const std::int64_t i =
            inner == 1 ? row * kCount + k : row / inner * kCount * inner + k * inner + row % inner;
        return y[static_cast<std::size_t>(i)];
      };
      EXPECT_EQ(at(0, 0), 0.0F) << kernel.name;
      EXPECT_EQ(at(0, 20), 1.0F) << kernel.name;
      EXPECT_TRUE(std::isnan(at(1, 7))) << kernel.name;
      EXPECT_TRUE(std::isnan(at(2, 0))) << kernel.name;
      EXPECT_NEAR(at(3, 4), 1.0F / kCount, 1e-7F) << kernel.name;
    }
  }
}

// One large term, and so many small ones that together they are a ninth of it: as the classes of a
// recogniser of text. Added to it one after another, they would be rounded 18,000 times; in parts
// of 64 terms they are 64 + 18,000/64 times, by half an epsilon each.
TEST(Softmax, ManySmallTermsCount) {
  test::Ran ran;
  for (const std::int64_t inner : {1, 8}) {
    test::Case<SoftmaxProblem> c;
    c.problem = {.count = 18000, .inner = inner};
    c.name = to_string(Dims{1, c.problem.count, inner});
    std::vector<float> x(static_cast<std::size_t>(c.problem.count * inner), -12.0F);
    std::fill_n(x.begin(), inner, 0.0F);
    c.inputs = {x};
    const double sum = 1 + 17999 * std::exp(-12.0);
    for (const float value : x) {
      const double y = std::exp(double{value}) / sum;
      c.expected.push_back(y);
      c.tolerance.push_back((64.0 + 18000.0 / 64.0) / 2 * test::kEpsilon * y);
    }
    test::check_case(softmax_kernels(), c, ran);
  }
  EXPECT_FALSE(ran.empty());
}

}  // namespace
}  // namespace lasso::kernels
