#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <type_traits>

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
      case ReduceKind::kProd: {
        double product = 1;
        for (const double value : values) product *= value;
        c.expected.push_back(product);
        // A rounding for each factor, and the loss of what is too small for float32.
        c.tolerance.push_back(test::kEpsilon * count * std::abs(product) + 1e-37);
        break;
      }
    }
  }
  test::Ran ran;
  test::check_case(reduce_kernels(), c, ran);
  if (results > 0) test::expect_all_ran(reduce_kernels(), c.problem, ran);
}

TEST(Reduce, AnyAxes) {
  for (const ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax,
                                ReduceKind::kMin, ReduceKind::kProd}) {
    check_reduce({kind, {0}, true}, {37});
    check_reduce({kind, {0}, true}, {1});
    check_reduce({kind, {}, true}, {3, 37});
    check_reduce({kind, {1, 2}, true}, {3, 1, 1, 5});
    check_reduce({kind, {0, 1}, true}, {2, 3, 77});
    check_reduce({kind, {0, 2}, true}, {3, 2, 5, 45});
    check_reduce({kind, {1, 3}, true}, {3, 2, 5, 69});
    check_reduce({kind, {3}, true}, {3, 2, 5, 32});
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
    check_reduce({kind, {1, 2}, true}, {2, 40, 40, 100});
    check_reduce({kind, {3}, true}, {2, 40, 40, 100});
  }
}

template <typename T>
void check_values(const Reduce& op, const std::vector<T>& x, const std::vector<T>& expected) {
  const auto results = static_cast<std::int64_t>(expected.size());
  const Dims dims{results, static_cast<std::int64_t>(x.size()) / results};
  const DType dtype = std::is_same_v<T, float> ? DType::kF32 : DType::kI32;
  const ReduceProblem p = make_reduce_problem(op, dims, dtype);
  for (const Kernel<ReduceProblem>& kernel : reduce_kernels()) {
    const TargetInfo target = test::test_target(1);
    const Offer offer = ask(kernel, p, target);
    if (!offer) continue;
    std::vector<T> y(expected.size());
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    kernel.run(*kernel.create(p, target, offer), {.inputs = inputs, .outputs = outputs});
    EXPECT_EQ(y, expected) << kernel.label() << " " << graph::attributes(op);
  }
}

TEST(Reduce, Integers) {
  const std::vector<std::int32_t> x{INT32_MAX, 2, 3, INT32_MIN, -1, 7};
  check_values<std::int32_t>({ReduceKind::kSum, {1}, true}, x, {INT32_MIN + 4, INT32_MIN + 6});
  check_values<std::int32_t>({ReduceKind::kMax, {1}, true}, x, {INT32_MAX, 7});
  check_values<std::int32_t>({ReduceKind::kMin, {1}, true}, x, {2, INT32_MIN});
  // (2^31 - 1) * 6 = 6 * 2^31 - 6, and -2^31 * -7 = 7 * 2^31, modulo 2^32.
  check_values<std::int32_t>({ReduceKind::kProd, {1}, true}, x, {-6, INT32_MIN});
  const ReduceProblem mean = make_reduce_problem({ReduceKind::kMean, {0}, true}, {3}, DType::kI32);
  const ReduceProblem bytes = make_reduce_problem({ReduceKind::kSum, {0}, true}, {3}, DType::kU8);
  for (const Kernel<ReduceProblem>& kernel : reduce_kernels()) {
    EXPECT_FALSE(ask(kernel, mean, test::test_target(1)));
    EXPECT_FALSE(ask(kernel, bytes, test::test_target(1)));
  }
}

TEST(Reduce, OfNothing) {
  for (const auto& [kind, expected] :
       {std::pair{ReduceKind::kSum, 0.0F}, std::pair{ReduceKind::kProd, 1.0F},
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

// Wherever it stands among the terms, of rows and of columns.
TEST(Reduce, NotANumberStaysOne) {
  constexpr std::int64_t kTerms = 45;
  for (const ReduceKind kind : {ReduceKind::kMax, ReduceKind::kMin, ReduceKind::kMean,
                                ReduceKind::kSum, ReduceKind::kProd}) {
    for (const std::int64_t axis : {0, 1}) {
      const Dims dims = axis == 0 ? Dims{kTerms, 3} : Dims{3, kTerms};
      const ReduceProblem p = make_reduce_problem({kind, {axis}, false}, dims);
      for (const Kernel<ReduceProblem>& kernel : reduce_kernels()) {
        for (std::int64_t at = 0; at < kTerms; ++at) {
          std::vector<float> x(3 * kTerms, 1.0F);
          x[static_cast<std::size_t>(axis == 0 ? at * 3 + 1 : kTerms + at)] =
              std::numeric_limits<float>::quiet_NaN();
          std::vector<float> y(3);
          const void* inputs[] = {x.data()};
          void* outputs[] = {y.data()};
          const TargetInfo target = test::test_target(1);
          const auto state = kernel.create(p, target, {});
          kernel.run(*state, {.inputs = inputs, .outputs = outputs});
          EXPECT_TRUE(std::isnan(y[1]) && !std::isnan(y[0]) && !std::isnan(y[2]))
              << kernel.label() << " " << to_string(kind) << ", " << at;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
