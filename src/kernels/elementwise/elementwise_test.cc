#include "kernels/elementwise/elementwise.h"

#include <array>
#include <limits>

#include "kernels/elementwise/broadcast_test.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using graph::BinaryKind;
using test::broadcast_index;

void check_binary(BinaryKind kind, Activation activation, const Dims& a_dims, const Dims& b_dims,
                  const Dims& y_dims, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(element_count(y_dims)));
  const auto a = random.vector(element_count(a_dims), 4.0F);
  const auto b = random.vector(element_count(b_dims), 4.0F);
  test::Case<BinaryProblem> c;
  c.name = to_string(a_dims) + std::string(to_string(kind)) + to_string(b_dims) +
           std::string(to_string(activation));
  c.problem = make_binary_problem({.kind = kind, .activation = activation}, a_dims, b_dims);
  c.inputs = {a, b};
  ASSERT_EQ(c.problem.count(), element_count(y_dims));
  for (std::int64_t i = 0; i < element_count(y_dims); ++i) {
    const double x = a[broadcast_index(a_dims, y_dims, i)];
    const double z = b[broadcast_index(b_dims, y_dims, i)];
    double sum = x + z;
    if (kind == BinaryKind::kSub) sum = x - z;
    if (kind == BinaryKind::kMul) sum = x * z;
    if (kind == BinaryKind::kDiv) sum = x / z;
    if (kind == BinaryKind::kMax) sum = std::max(x, z);
    if (kind == BinaryKind::kMin) sum = std::min(x, z);
    const double y = test::activate(activation, sum);
    c.expected.push_back(y);
    // One rounding: half an epsilon of the result.
    c.tolerance.push_back(
        test::activation_tolerance(activation, test::kEpsilon * std::abs(sum), y));
  }
  test::check_case(binary_kernels(), c, ran);
}

TEST(Binary, EveryKernelBroadcastsAsNumPyDoes) {
  test::Ran ran;
  const std::vector<std::array<Dims, 3>> shapes = {
      {{{7}, {7}, {7}}},
      {{{3, 5, 17}, {3, 5, 17}, {3, 5, 17}}},
      {{{2, 9, 31}, {1, 9, 31}, {2, 9, 31}}},
      {{{2, 9, 31}, {31}, {2, 9, 31}}},
      {{{33}, {4, 33}, {4, 33}}},
      {{{4, 1, 8}, {1, 5, 1}, {4, 5, 8}}},
      {{{4, 3, 1}, {4, 3, 19}, {4, 3, 19}}},
      {{{4, 3, 19}, {}, {4, 3, 19}}},
      {{{}, {}, {}}},
      {{{1, 1, 256}, {3, 7, 256}, {3, 7, 256}}},
      {{{2, 1, 3, 1, 5}, {7, 1, 4, 5}, {2, 7, 3, 4, 5}}},
      {{{2, 200, 101}, {200, 101}, {2, 200, 101}}},  // large enough for two threads
      {{{0, 3}, {1, 3}, {0, 3}}},
      {{{2, 1, 2, 1, 2, 1, 2, 1, 2, 4},
        {1, 2, 1, 2, 1, 2, 1, 2, 1, 4},
        {2, 2, 2, 2, 2, 2, 2, 2, 2, 4}}},
  };
  for (const auto& [a, b, y] : shapes) {
    for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul,
                                  BinaryKind::kDiv, BinaryKind::kMax, BinaryKind::kMin}) {
      check_binary(kind, Activation::kNone, a, b, y, ran);
      check_binary(kind, Activation::kGelu, a, b, y, ran);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  check_binary(BinaryKind::kAdd, Activation::kRelu, {100}, {100}, {100}, ran);
  check_binary(BinaryKind::kAdd, Activation::kSigmoid, {100}, {1}, {100}, ran);
  check_binary(BinaryKind::kMul, Activation::kSilu, {3, 100}, {100}, {3, 100}, ran);
  check_binary(BinaryKind::kMul, Activation::kLeakyRelu, {3, 100}, {100}, {3, 100}, ran);
  test::expect_all_ran(binary_kernels(), make_binary_problem({}, {8}, {8}), ran);
}

TEST(Binary, OtherFunctions) {
  test::Random random(7);
  auto a = random.vector(100, 4.0F);
  const auto b = random.vector(100, 4.0F);
  const std::vector<std::pair<BinaryKind, double (*)(double, double)>> functions{
      {BinaryKind::kDiv, [](double x, double z) { return x / z; }},
      {BinaryKind::kMax, [](double x, double z) { return std::max(x, z); }},
      {BinaryKind::kMin, [](double x, double z) { return std::min(x, z); }},
      {BinaryKind::kPow, [](double x, double z) { return std::pow(x, z); }},
      {BinaryKind::kFmod, [](double x, double z) { return std::fmod(x, z); }},
      {BinaryKind::kMod, [](double x, double z) { return x - z * std::floor(x / z); }},
  };
  for (const auto& [kind, function] : functions) {
    if (kind == BinaryKind::kPow) {
      for (float& value : a) value = std::fabs(value);
    }
    test::Ran ran;
    test::Case<BinaryProblem> c;
    c.name = to_string(kind);
    c.problem = make_binary_problem({.kind = kind}, {100}, {100});
    c.inputs = {a, b};
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double y = function(a[i], b[i]);
      c.expected.push_back(y);
      // One rounding; the library's power is off by one in the last place. The floored quotient's
      // rest may be a rounded sum with b.
      c.tolerance.push_back(test::kEpsilon *
                            (kind == BinaryKind::kMod ? std::abs(b[i]) : std::abs(y)));
    }
    test::check_case(binary_kernels(), c, ran);
    EXPECT_FALSE(ran.empty());
  }
}

TEST(Binary, LoopsThatRunOnAreMerged) {
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {2, 3, 4}).loops.size(), 1U);
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {3, 4}).loops.size(), 2U);
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {1}).loops.size(), 1U);
}

// From the smallest to the largest arguments, against double precision.
TEST(Unary, ActivationsOverTheirRange) {
  test::Ran ran;
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kRelu,
                                      Activation::kSigmoid, Activation::kSilu}) {
    std::vector<float> x;
    for (float value = -12.0F; value < 12.0F; value += 0.00731F) x.push_back(value);
    for (float value = 1e-30F; value < 1e30F; value *= 3.7F) {
      x.push_back(value);
      x.push_back(-value);
    }
    x.push_back(0.0F);
    test::Case<UnaryProblem> c;
    c.name = to_string(activation);
    c.problem = {.kind = graph::unary_of(activation), .count = static_cast<std::int64_t>(x.size())};
    c.inputs = {x};
    for (const float value : x) {
      const double y = test::activate(activation, value);
      c.expected.push_back(y);
      c.tolerance.push_back(test::activation_tolerance(activation, 1e-38, y));
    }
    test::check_case(unary_kernels(), c, ran);
  }
  test::expect_all_ran(unary_kernels(), {.count = 8}, ran);
}

TEST(Unary, OtherFunctions) {
  using graph::UnaryKind;
  const std::vector<std::pair<UnaryKind, double (*)(double)>> functions{
      {UnaryKind::kAbs, [](double x) { return std::abs(x); }},
      {UnaryKind::kNegate, [](double x) { return -x; }},
      {UnaryKind::kSign, [](double x) { return x > 0   ? 1.0
                                               : x < 0 ? -1.0
                                                       : 0.0; }},
      {UnaryKind::kExp, [](double x) { return std::exp(x); }},
      {UnaryKind::kLog, [](double x) { return std::log(x); }},
      {UnaryKind::kSqrt, [](double x) { return std::sqrt(x); }},
      {UnaryKind::kReciprocal, [](double x) { return 1 / x; }},
      {UnaryKind::kSin, [](double x) { return std::sin(x); }},
      {UnaryKind::kCos, [](double x) { return std::cos(x); }},
      {UnaryKind::kTanh, [](double x) { return std::tanh(x); }},
      {UnaryKind::kErf, [](double x) { return std::erf(x); }},
      {UnaryKind::kRound, [](double x) { return std::nearbyint(x); }},
      {UnaryKind::kFloor, [](double x) { return std::floor(x); }},
      {UnaryKind::kCeil, [](double x) { return std::ceil(x); }},
      {UnaryKind::kTan, [](double x) { return std::tan(x); }},
      {UnaryKind::kAsin, [](double x) { return std::asin(x / 16); }},
      {UnaryKind::kAcos, [](double x) { return std::acos(x / 16); }},
      {UnaryKind::kAtan, [](double x) { return std::atan(x); }},
      {UnaryKind::kSinh, [](double x) { return std::sinh(x); }},
      {UnaryKind::kCosh, [](double x) { return std::cosh(x); }},
      {UnaryKind::kAsinh, [](double x) { return std::asinh(x); }},
      {UnaryKind::kAcosh, [](double x) { return std::acosh(1 + std::abs(x)); }},
      {UnaryKind::kAtanh, [](double x) { return std::atanh(x / 16); }},
      {UnaryKind::kSoftplus, [](double x) { return std::log1p(std::exp(x)); }},
  };
  for (const auto& [kind, function] : functions) {
    std::vector<float> x;
    for (float value = -9.0F; value <= 9.0F; value += 0.0625F) x.push_back(value);
    if (kind == UnaryKind::kLog || kind == UnaryKind::kSqrt || kind == UnaryKind::kReciprocal) {
      for (float& value : x) value = std::fabs(value) + 0.0625F;
    }
    // The functions of these take any number.
    const bool within_one =
        kind == UnaryKind::kAsin || kind == UnaryKind::kAcos || kind == UnaryKind::kAtanh;
    test::Ran ran;
    test::Case<UnaryProblem> c;
    c.name = to_string(kind);
    c.problem = {.kind = kind, .count = static_cast<std::int64_t>(x.size())};
    c.inputs = {x};
    for (float& value : c.inputs[0]) {
      if (within_one) value /= 16;
      if (kind == UnaryKind::kAcosh) value = 1 + std::abs(value);
    }
    for (const float value : x) {
      const double y = function(value);
      c.expected.push_back(y);
      // One rounding, and the library's functions are off by one in the last place.
      c.tolerance.push_back(test::kEpsilon * std::abs(y) + 1e-38);
    }
    test::check_case(unary_kernels(), c, ran);
    EXPECT_FALSE(ran.empty());
  }
}

TEST(Unary, NotANumberStaysOne) {
  std::vector<float> x(40, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> y(40);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kRelu,
                                      Activation::kSigmoid, Activation::kSilu}) {
    for (const auto& kernel : unary_kernels()) {
      const UnaryProblem p{.kind = graph::unary_of(activation), .count = 40};
      const TargetInfo target = test::test_target(1);
      const Offer offer = ask(kernel, p, target);
      if (!offer) continue;
      const auto state = kernel.create(p, target, offer);
      kernel.run(*state, {.inputs = inputs, .outputs = outputs});
      for (const float value : y) EXPECT_TRUE(std::isnan(value)) << to_string(activation);
    }
  }
}

TEST(LeakyRelu, EveryKernelAgreesWithTheDefinition) {
  test::Ran ran;
  for (const float slope : {0.01F, -0.5F, 1.5F, 0.0F}) {
    for (const std::int64_t count : {0, 1, 7, 8, 16, 31, 33, 20001}) {
      test::Random random(static_cast<std::uint64_t>(count));
      test::Case<LeakyReluProblem> c;
      c.name = std::to_string(slope) + " " + std::to_string(count);
      c.problem = {.count = count, .slope = slope};
      c.inputs = {random.vector(count, 4.0F)};
      c.any_threads = true;
      for (const float x : c.inputs[0]) {
        const double y = x > 0 ? x : static_cast<double>(slope) * x;
        c.expected.push_back(y);
        c.tolerance.push_back(test::kEpsilon / 2 * std::abs(y));
      }
      test::check_case(leaky_relu_kernels(), c, ran);
    }
  }
  test::expect_all_ran(leaky_relu_kernels(), {.count = 8}, ran);
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{std::nanf(""), infinity, -infinity, -0.0F, std::nanf("")};
  for (const auto& kernel : leaky_relu_kernels()) {
    const LeakyReluProblem p{.count = 5, .slope = 0.25F};
    const TargetInfo target = test::test_target(1);
    const Offer offer = ask(kernel, p, target);
    if (!offer) continue;
    std::vector<float> y(5);
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    kernel.run(*kernel.create(p, target, offer), {.inputs = inputs, .outputs = outputs});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[4]));
    EXPECT_EQ(y[1], infinity);
    EXPECT_EQ(y[2], -infinity);
    EXPECT_EQ(y[3], 0.0F);
  }
}

TEST(FourierFeatures, AgreesWithDoublePrecision) {
  test::Ran ran;
  test::Random random(1);
  const FourierFeaturesProblem p{.rows = 13, .dims = 2, .features = 128};
  auto x = random.vector(p.rows * p.dims, 0.5F);
  for (float& value : x) value += 0.5F;  // coordinates lie in [0, 1]
  const auto m = random.vector(p.dims * p.features, 3.0F);
  test::Case<FourierFeaturesProblem> c;
  c.problem = p;
  c.inputs = {x, m};
  constexpr double kPi = 3.14159265358979323846;
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t f = 0; f < 2 * p.features; ++f) {
      double t = 0;
      double magnitudes = 0;
      for (std::int64_t d = 0; d < p.dims; ++d) {
        const double term = 2 * kPi * (2.0 * x[static_cast<std::size_t>(row * p.dims + d)] - 1.0) *
                            m[static_cast<std::size_t>(d * p.features + f % p.features)];
        t += term;
        magnitudes += std::abs(term);
      }
      c.expected.push_back(f < p.features ? std::sin(t) : std::cos(t));
      // Neither is steeper than 1 in t; they are rounded themselves.
      c.tolerance.push_back(test::sum_tolerance(p.dims, magnitudes) + test::kEpsilon);
    }
  }
  test::check_case(fourier_features_kernels(), c, ran);
}

}  // namespace
}  // namespace lasso::kernels
