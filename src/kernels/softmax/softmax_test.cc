#include "kernels/softmax/softmax.h"

#include <algorithm>

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
  for (const std::int64_t count : {300, 700, 3000, 5000}) {
    check_softmax({.outer = 3, .count = count}, 4.0F, ran);
  }
  EXPECT_FALSE(ran.empty());
}

}  // namespace
}  // namespace lasso::kernels
