// Integers, truth values, and what floats are particular about.
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/elementwise/broadcast_test.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::BinaryKind;
using test::broadcast_index;

TEST(Elementwise, OtherTypesThanFloat32AreRefused) {
  BinaryProblem binary = make_binary_problem({}, {4}, {4});
  for (const DType dtype : {DType::kI64, DType::kU8, DType::kBool, DType::kBF16}) {
    binary.dtype = dtype;
    for (const auto& kernel : binary_kernels()) {
      EXPECT_FALSE(ask(kernel, binary, test::test_target(1)));
    }
  }
  for (const auto& [kind, dtype] :
       std::vector<std::pair<graph::UnaryKind, DType>>{{graph::UnaryKind::kAbs, DType::kI64},
                                                       {graph::UnaryKind::kExp, DType::kI32},
                                                       {graph::UnaryKind::kIsNan, DType::kI32},
                                                       {graph::UnaryKind::kNot, DType::kF32}}) {
    const UnaryProblem unary{.kind = kind, .count = 4, .dtype = dtype};
    for (const auto& kernel : unary_kernels()) {
      EXPECT_FALSE(ask(kernel, unary, test::test_target(1)));
    }
  }
}

// Runs every kernel that takes the problem, with one thread and with two, and compares the result's
// elements.
template <typename To, typename Problem>
void check_values(const std::vector<Kernel<Problem>>& list, const Problem& p,
                  const std::vector<const void*>& inputs, const std::vector<To>& expected) {
  int ran = 0;
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      const ThreadLimit limit(threads);
      const TargetInfo target = test::test_target(threads);
      const Offer offer = ask(kernel, p, target);
      if (!offer) continue;
      SCOPED_TRACE(kernel.label() + " " + std::string(to_string(p.kind)));
      ++ran;
      const test::Guarded y(expected.size() * sizeof(To));
      void* outputs[] = {y.data()};
      const auto state = kernel.create(p, target, offer);
      kernel.run(*state, {.inputs = inputs, .outputs = outputs});
      EXPECT_TRUE(y.intact());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const To got = reinterpret_cast<const To*>(y.data())[i];
        if (expected[i] != expected[i]) {
          EXPECT_TRUE(got != got) << "element " << i << ": " << +got;
        } else {
          EXPECT_EQ(got, expected[i]) << "element " << i;
        }
      }
    }
  }
  EXPECT_GT(ran, 0);
}

template <typename T>
void check_pairs(DType dtype, BinaryKind kind, const std::vector<T>& a, const std::vector<T>& b,
                 const std::vector<T>& expected) {
  BinaryProblem p = make_binary_problem({.kind = kind}, {static_cast<std::int64_t>(a.size())},
                                        {static_cast<std::int64_t>(b.size())});
  p.dtype = dtype;
  check_values<T>(binary_kernels(), p, {a.data(), b.data()}, expected);
}

TEST(Binary, IntegersWrapAround) {
  constexpr std::int32_t kMax = INT32_MAX;
  constexpr std::int32_t kMin = INT32_MIN;
  const std::vector<std::int32_t> a{7, -7, 7, -7, kMin, kMin, kMax, 0, 3, -2, 1, -1, kMin};
  const std::vector<std::int32_t> b{3, 3, -3, -3, -1, 0, 2, 0, -1, 31, -5, -3, kMin};
  const auto expect = [&](BinaryKind kind, const std::vector<std::int32_t>& y) {
    check_pairs<std::int32_t>(DType::kI32, kind, a, b, y);
  };
  expect(BinaryKind::kAdd, {10, -4, 4, -10, kMax, kMin, kMin + 1, 0, 2, 29, -4, -4, 0});
  expect(BinaryKind::kSub, {4, -10, 10, -4, kMin + 1, kMin, kMax - 2, 0, 4, -33, 6, 2, 0});
  expect(BinaryKind::kMul, {21, -21, -21, 21, kMin, 0, -2, 0, -3, -62, -5, 3, 0});
  expect(BinaryKind::kDiv, {2, -2, -2, 2, kMin, 0, kMax / 2, 0, -3, 0, 0, 0, 1});
  expect(BinaryKind::kFmod, {1, -1, 1, -1, 0, 0, 1, 0, 0, -2, 1, -1, 0});
  expect(BinaryKind::kMod, {1, 2, -2, -1, 0, 0, 1, 0, 0, 29, -4, -1, 0});
  expect(BinaryKind::kMax, {7, 3, 7, -3, -1, 0, kMax, 0, 3, 31, 1, -1, kMin});
  expect(BinaryKind::kMin, {3, -7, -3, -7, kMin, kMin, 2, 0, -1, -2, -5, -3, kMin});
  // 7^3; (-7)^3; quotients below 1; (2^31 - 1)^2 = 1 modulo 2^32; 0^0; 1 / 3; (-2)^31.
  expect(BinaryKind::kPow, {343, -343, 0, 0, 0, 1, 1, 1, 0, kMin, 1, -1, 0});
}

// Over shapes, against 64-bit arithmetic.
TEST(Binary, IntegersAndTruthValuesBroadcast) {
  const std::vector<std::array<Dims, 3>> shapes = {
      {{{3, 5, 17}, {3, 5, 17}, {3, 5, 17}}},       {{{2, 9, 31}, {31}, {2, 9, 31}}},
      {{{4, 1, 8}, {1, 5, 1}, {4, 5, 8}}},          {{{4, 3, 19}, {}, {4, 3, 19}}},
      {{{2, 200, 101}, {200, 101}, {2, 200, 101}}}, {{{0, 3}, {1, 3}, {0, 3}}},
  };
  for (const auto& [a_dims, b_dims, y_dims] : shapes) {
    SCOPED_TRACE(to_string(a_dims) + to_string(b_dims));
    test::Random random(11);
    const auto draw = [&](const Dims& dims) {
      std::vector<std::int32_t> values;
      for (const float value : random.vector(element_count(dims), 0x1p31F)) {
        values.push_back(static_cast<std::int32_t>(std::min(value, 0x1p31F - 128)));
      }
      return values;
    };
    const std::vector<std::int32_t> a = draw(a_dims);
    const std::vector<std::int32_t> b = draw(b_dims);
    const auto truths = [](const std::vector<std::int32_t>& values) {
      std::vector<std::uint8_t> bytes;
      for (const std::int32_t value : values) {
        bytes.push_back(static_cast<std::uint8_t>(value % 3 == 0 ? 0 : value | 1));
      }
      return bytes;
    };
    const std::vector<std::uint8_t> p = truths(a);
    const std::vector<std::uint8_t> q = truths(b);
    for (const BinaryKind kind :
         {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kMax, BinaryKind::kMin,
          BinaryKind::kAnd, BinaryKind::kOr, BinaryKind::kXor}) {
      BinaryProblem problem = make_binary_problem({.kind = kind}, a_dims, b_dims);
      std::vector<std::int32_t> integers;
      std::vector<std::uint8_t> bytes;
      for (std::int64_t i = 0; i < element_count(y_dims); ++i) {
        const std::size_t at_a = broadcast_index(a_dims, y_dims, i);
        const std::size_t at_b = broadcast_index(b_dims, y_dims, i);
        const std::int64_t x = a[at_a];
        const std::int64_t z = b[at_b];
        std::int64_t y = x + z;
        if (kind == BinaryKind::kSub) y = x - z;
        if (kind == BinaryKind::kMul) y = x * z;
        if (kind == BinaryKind::kMax) y = std::max(x, z);
        if (kind == BinaryKind::kMin) y = std::min(x, z);
        integers.push_back(static_cast<std::int32_t>(y));
        const int trues = (p[at_a] != 0 ? 1 : 0) + (q[at_b] != 0 ? 1 : 0);
        const bool truth = kind == BinaryKind::kAnd  ? trues == 2
                           : kind == BinaryKind::kOr ? trues > 0
                                                     : trues == 1;
        bytes.push_back(truth ? 1 : 0);
      }
      if (graph::is_logical(kind)) {
        for (const DType dtype : {DType::kBool, DType::kU8}) {
          problem.dtype = dtype;
          check_values<std::uint8_t>(binary_kernels(), problem, {p.data(), q.data()}, bytes);
        }
      } else {
        problem.dtype = DType::kI32;
        check_values<std::int32_t>(binary_kernels(), problem, {a.data(), b.data()}, integers);
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// NumPy's rules, on all kernels: a tail, and whole vectors.
TEST(Binary, EdgesOfFloats) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto expect = [](BinaryKind kind, const std::vector<float>& a, const std::vector<float>& b,
                         const std::vector<float>& y) {
    check_pairs<float>(DType::kF32, kind, a, b, y);
    const auto repeated = [](const std::vector<float>& values) {
      std::vector<float> many;
      for (int i = 0; i < 9; ++i) many.insert(many.end(), values.begin(), values.end());
      return many;
    };
    check_pairs<float>(DType::kF32, kind, repeated(a), repeated(b), repeated(y));
  };
  const std::vector<float> a{nan, 1.0F, nan, infinity, nan, -infinity};
  const std::vector<float> b{1.0F, nan, nan, nan, -infinity, 2.0F};
  expect(BinaryKind::kMax, a, b, {nan, nan, nan, nan, nan, 2.0F});
  expect(BinaryKind::kMin, a, b, {nan, nan, nan, nan, nan, -infinity});
  const std::vector<float> x{5.5F, -5.5F, 5.5F, -5.5F, -1.0F, 1.0F, 1.0F, infinity, 0.0F};
  const std::vector<float> z{2.0F, 2.0F, -2.0F, -2.0F, infinity, infinity, 0.0F, 2.0F, -3.0F};
  expect(BinaryKind::kFmod, x, z, {1.5F, -1.5F, 1.5F, -1.5F, -1.0F, 1.0F, nan, nan, 0.0F});
  expect(BinaryKind::kMod, x, z, {1.5F, 0.5F, -0.5F, -1.5F, infinity, 1.0F, nan, nan, -0.0F});
  const std::vector<float> base{1.1F, -1.1F, 3.0F, -0.0F, -infinity, -4.0F, 1e30F, 0.1F, nan};
  const std::vector<float> exponent{2.0F, 1.0F, 0.5F, 0.5F, 0.5F, 0.5F, 2.0F, 2.0F, 0.0F};
  expect(BinaryKind::kPow, base, exponent,
         {1.1F * 1.1F, -1.1F, std::sqrt(3.0F), 0.0F, infinity, nan, infinity, 0.1F * 0.1F, 1.0F});
}

// A repeated bound on either side, as of a value that is clipped.
TEST(Binary, BoundsKeepNotANumber) {
  std::vector<float> x(21);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 10.0F;
  x[3] = x[20] = std::nanf("");
  const float bound = 1.5F;
  std::vector<float> above;
  std::vector<float> below;
  for (const float value : x) {
    above.push_back(std::isnan(value) ? value : std::max(value, bound));
    below.push_back(std::isnan(value) ? value : std::min(value, bound));
  }
  const auto expect = [&](BinaryKind kind, const std::vector<float>& y) {
    check_values<float>(binary_kernels(), make_binary_problem({.kind = kind}, {21}, {}),
                        {x.data(), &bound}, y);
    check_values<float>(binary_kernels(), make_binary_problem({.kind = kind}, {1}, {3, 7}),
                        {&bound, x.data()}, y);
  };
  expect(BinaryKind::kMax, above);
  expect(BinaryKind::kMin, below);
}

TEST(Unary, IntegersAndPredicates) {
  using graph::UnaryKind;
  const std::vector<std::int32_t> x{0, 5, -5, INT32_MAX, INT32_MIN};
  const auto integers = [&](UnaryKind kind, const std::vector<std::int32_t>& y) {
    const UnaryProblem p{.kind = kind, .count = 5, .dtype = DType::kI32};
    check_values<std::int32_t>(unary_kernels(), p, {x.data()}, y);
  };
  integers(UnaryKind::kIdentity, x);
  integers(UnaryKind::kAbs, {0, 5, 5, INT32_MAX, INT32_MIN});
  integers(UnaryKind::kNegate, {0, -5, 5, -INT32_MAX, INT32_MIN});
  integers(UnaryKind::kSign, {0, 1, -1, 1, -1});
  const std::vector<std::uint8_t> flags{0, 1, 2, 255, 0, 0, 1};
  check_values<std::uint8_t>(unary_kernels(),
                             {.kind = UnaryKind::kNot, .count = 7, .dtype = DType::kBool},
                             {flags.data()}, {1, 0, 0, 0, 1, 1, 0});
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> floats{0.0F, infinity, -infinity, std::nanf(""), 3e38F};
  check_values<std::uint8_t>(unary_kernels(), {.kind = UnaryKind::kIsNan, .count = 5},
                             {floats.data()}, {0, 0, 0, 1, 0});
  check_values<std::uint8_t>(unary_kernels(), {.kind = UnaryKind::kIsInf, .count = 5},
                             {floats.data()}, {0, 1, 1, 0, 0});
  check_values<std::uint8_t>(unary_kernels(), {.kind = UnaryKind::kIsInf, .count = 0}, {nullptr},
                             {});
}

TEST(Unary, SoftplusDoesNotOverflow) {
  const std::vector<float> x{100.0F,
                             -100.0F,
                             1e30F,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::nanf("")};
  check_values<float>(unary_kernels(), {.kind = graph::UnaryKind::kSoftplus, .count = 6},
                      {x.data()},
                      {100.0F, static_cast<float>(std::exp(-100.0)), 1e30F,
                       std::numeric_limits<float>::infinity(), 0.0F, std::nanf("")});
}

}  // namespace
}  // namespace lasso::kernels
