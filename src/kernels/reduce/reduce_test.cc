#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Reduce;
using graph::ReduceKind;

// Every element of x goes to the result at its position without the reduced axes.
void check_reduce(const Reduce& op, const Dims& x_dims) {
  test::Random random(static_cast<std::uint64_t>(element_count(x_dims)) + 1);
  const auto x = random.vector(element_count(x_dims), 3.0F);
  const auto is_reduced = [&](std::size_t axis) {
    return std::find(op.axes.begin(), op.axes.end(), static_cast<std::int64_t>(axis)) !=
           op.axes.end();
  };
  std::vector<std::vector<double>> terms(1);
  std::int64_t results = 1;
  for (std::size_t i = 0; i < x_dims.size(); ++i) results *= is_reduced(i) ? 1 : x_dims[i];
  terms.resize(static_cast<std::size_t>(results));
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t stride = 1;
    std::int64_t at = 0;
    for (std::size_t axis = x_dims.size(); axis-- > 0;) {
      const std::int64_t position = rest % x_dims[axis];
      rest /= x_dims[axis];
      if (is_reduced(axis)) continue;
      at += position * stride;
      stride *= x_dims[axis];
    }
    terms[static_cast<std::size_t>(at)].push_back(x[i]);
  }
  test::Case<ReduceProblem> c;
  c.name = std::string(to_string(op.kind)) + " of " + to_string(x_dims);
  c.problem = make_reduce_problem(op, x_dims);
  c.inputs = {x};
  for (const std::vector<double>& values : terms) {
    double sum = 0;
    double magnitudes = 0;
    for (const double value : values) {
      sum += value;
      magnitudes += std::abs(value);
    }
    const auto count = static_cast<double>(values.size());
    const double tolerance =
        test::sum_tolerance(static_cast<std::int64_t>(values.size()), magnitudes);
    switch (op.kind) {
      case ReduceKind::kSum:
        c.expected.push_back(sum);
        c.tolerance.push_back(tolerance);
        break;
      case ReduceKind::kMean:
        c.expected.push_back(sum / count);
        c.tolerance.push_back(tolerance / count);
        break;
      case ReduceKind::kMax:
        c.expected.push_back(*std::max_element(values.begin(), values.end()));
        c.tolerance.push_back(0);
        break;
      case ReduceKind::kMin:
        c.expected.push_back(*std::min_element(values.begin(), values.end()));
        c.tolerance.push_back(0);
        break;
    }
  }
  test::Ran ran;
  test::check_case(reduce_kernels(), c, ran);
}

TEST(Reduce, AnyAxes) {
  for (const ReduceKind kind :
       {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax, ReduceKind::kMin}) {
    check_reduce({kind, {0}, true}, {37});
    check_reduce({kind, {1}, true}, {5, 33});
    check_reduce({kind, {0}, false}, {5, 33});
    check_reduce({kind, {0, 2}, true}, {3, 4, 7, 2});
    check_reduce({kind, {1, 3}, false}, {3, 4, 7, 2});
    check_reduce({kind, {0, 1, 2}, false}, {3, 4, 7});
  }
  check_reduce({ReduceKind::kSum, {1}, true}, {0, 3});                   // no results
  for (const ReduceKind kind : {ReduceKind::kMean, ReduceKind::kMin}) {  // few results of many
    check_reduce({kind, {0, 1}, true}, {40, 41, 33});
    check_reduce({kind, {1, 2}, true}, {2, 100, 101});
    check_reduce({kind, {0, 1}, true}, {300, 100});
  }
}

TEST(Reduce, OfNothing) {
  for (const auto& [kind, expected] :
       {std::pair{ReduceKind::kSum, 0.0F},
        std::pair{ReduceKind::kMax, -std::numeric_limits<float>::infinity()}}) {
    float y = 1.0F;
    const void* inputs[] = {nullptr};
    void* outputs[] = {&y};
    const ReduceProblem p = make_reduce_problem({kind, {0}, false}, {0});
    const auto state = kReduceRef.create(p, test::test_target(1), {});
    kReduceRef.run(*state, {.inputs = inputs, .outputs = outputs});
    EXPECT_EQ(y, expected);
  }
}

TEST(Reduce, NotANumberStaysOne) {
  const std::vector<float> x{1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F};
  for (const ReduceKind kind : {ReduceKind::kMax, ReduceKind::kMin, ReduceKind::kMean}) {
    float y = 1.0F;
    const void* inputs[] = {x.data()};
    void* outputs[] = {&y};
    const ReduceProblem p = make_reduce_problem({kind, {0}, false}, {3});
    const auto state = kReduceRef.create(p, test::test_target(1), {});
    kReduceRef.run(*state, {.inputs = inputs, .outputs = outputs});
    EXPECT_TRUE(std::isnan(y)) << to_string(kind);
  }
}

}  // namespace
}  // namespace lasso::kernels
