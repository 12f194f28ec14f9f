#include "kernels/elementwise/elementwise.h"

#include <array>
#include <limits>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using graph::BinaryKind;

// The element of `dims` that stands at position `index` (row-major) of the broadcast result.
std::size_t broadcast_index(const Dims& dims, const Dims& result, std::int64_t index) {
  std::int64_t offset = 0;
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {  // from the last dimension on
    const std::int64_t size = dims[dims.size() - 1 - i];
    const std::int64_t position = index % result[result.size() - 1 - i];
    index /= result[result.size() - 1 - i];
    if (size != 1) offset += position * stride;
    stride *= size;
  }
  return static_cast<std::size_t>(offset);
}

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
    const double sum = kind == BinaryKind::kAdd ? x + z : kind == BinaryKind::kSub ? x - z : x * z;
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
  };
  for (const auto& [a, b, y] : shapes) {
    for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul}) {
      check_binary(kind, Activation::kNone, a, b, y, ran);
      check_binary(kind, Activation::kGelu, a, b, y, ran);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  check_binary(BinaryKind::kAdd, Activation::kRelu, {100}, {100}, {100}, ran);
  check_binary(BinaryKind::kAdd, Activation::kSigmoid, {100}, {1}, {100}, ran);
  EXPECT_EQ(ran.size(), usable_isa() >= Isa::kAvx512 ? 3U : 2U);
}

TEST(Binary, LoopsThatRunOnAreMerged) {
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {2, 3, 4}).loops.size(), 1U);
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {3, 4}).loops.size(), 2U);
  EXPECT_EQ(make_binary_problem({}, {2, 3, 4}, {1}).loops.size(), 1U);
}

// From the smallest to the largest arguments, against double precision.
TEST(Unary, ActivationsOverTheirRange) {
  test::Ran ran;
  for (const Activation activation :
       {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid}) {
    std::vector<float> x;
    for (float value = -12.0F; value < 12.0F; value += 0.00731F) x.push_back(value);
    for (float value = 1e-30F; value < 1e30F; value *= 3.7F) {
      x.push_back(value);
      x.push_back(-value);
    }
    x.push_back(0.0F);
    test::Case<UnaryProblem> c;
    c.name = to_string(activation);
    c.problem = {.activation = activation, .count = static_cast<std::int64_t>(x.size())};
    c.inputs = {x};
    for (const float value : x) {
      const double y = test::activate(activation, value);
      c.expected.push_back(y);
      c.tolerance.push_back(test::activation_tolerance(activation, 1e-38, y));
    }
    test::check_case(unary_kernels(), c, ran);
  }
  EXPECT_EQ(ran.size(), usable_isa() >= Isa::kAvx512 ? 3U : 2U);
}

TEST(Unary, NotANumberStaysOne) {
  std::vector<float> x(40, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> y(40);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kSigmoid}) {
    for (const auto& kernel : unary_kernels()) {
      if (kernel.isa > usable_isa()) continue;
      const auto state = kernel.create({.activation = activation, .count = 40}, {});
      kernel.run(*state, {.inputs = inputs, .outputs = outputs});
      for (const float value : y) EXPECT_TRUE(std::isnan(value)) << to_string(activation);
    }
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
