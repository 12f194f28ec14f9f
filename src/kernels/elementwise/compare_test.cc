#include "kernels/elementwise/compare.h"

#include <array>
#include <cmath>
#include <limits>

#include "kernels/elementwise/broadcast_test.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::CompareKind;
using test::broadcast_index;

constexpr CompareKind kKinds[] = {CompareKind::kEqual, CompareKind::kLess, CompareKind::kLessEqual,
                                  CompareKind::kGreater, CompareKind::kGreaterEqual};

// Runs every kernel of a list with one thread and with two, and compares its bytes.
template <typename Problem>
void check(const std::vector<Kernel<Problem>>& list, const Problem& p,
           const std::vector<const void*>& inputs, const std::vector<std::uint8_t>& expected) {
  int ran = 0;
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      const ThreadLimit limit(threads);
      const TargetInfo target = test::test_target(threads);
      const Offer offer = ask(kernel, p, target);
      if (!offer) continue;
      SCOPED_TRACE(kernel.label() + ", threads: " + std::to_string(threads));
      ++ran;
      const test::Guarded y(expected.size());
      void* outputs[] = {y.data()};
      const auto state = kernel.create(p, target, offer);
      kernel.run(*state, {.inputs = inputs, .outputs = outputs});
      EXPECT_TRUE(y.intact());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(std::to_integer<int>(y.data()[i]), expected[i]) << "byte " << i;
      }
    }
  }
  EXPECT_GT(ran, 0);
}

const std::vector<std::array<Dims, 3>>& shapes() {
  static const std::vector<std::array<Dims, 3>> all = {
      {{{7}, {7}, {7}}},
      {{{3, 5, 17}, {3, 5, 17}, {3, 5, 17}}},
      {{{2, 9, 31}, {1, 9, 31}, {2, 9, 31}}},
      {{{33}, {4, 33}, {4, 33}}},
      {{{4, 1, 8}, {1, 5, 1}, {4, 5, 8}}},
      {{{4, 3, 19}, {}, {4, 3, 19}}},
      {{{}, {4, 3, 1}, {4, 3, 1}}},
      {{{}, {}, {}}},
      {{{2, 1, 3, 1, 5}, {7, 1, 4, 5}, {2, 7, 3, 4, 5}}},
      {{{2, 200, 101}, {200, 101}, {2, 200, 101}}},  // large enough for two threads
      {{{0, 3}, {1, 3}, {0, 3}}},
  };
  return all;
}

// What operators say, of values that often are equal.
template <typename T>
void check_compare(DType dtype, const std::vector<T>& values) {
  for (const auto& [a_dims, b_dims, y_dims] : shapes()) {
    test::Random random(static_cast<std::uint64_t>(element_count(y_dims)));
    const auto draw = [&](const Dims& dims) {
      std::vector<T> drawn;
      for (std::int64_t i = 0; i < element_count(dims); ++i) {
        const float place = (random.next() + 1.0F) / 2 * static_cast<float>(values.size());
        drawn.push_back(values[std::min(static_cast<std::size_t>(place), values.size() - 1)]);
      }
      return drawn;
    };
    const std::vector<T> a = draw(a_dims);
    const std::vector<T> b = draw(b_dims);
    for (const CompareKind kind : kKinds) {
      if (dtype == DType::kBool && kind != CompareKind::kEqual) continue;
      SCOPED_TRACE(to_string(a_dims) + std::string(to_string(kind)) + to_string(b_dims) + " " +
                   std::string(to_string(dtype)));
      std::vector<std::uint8_t> expected;
      for (std::int64_t i = 0; i < element_count(y_dims); ++i) {
        const T x = a[broadcast_index(a_dims, y_dims, i)];
        const T z = b[broadcast_index(b_dims, y_dims, i)];
        bool y = x == z;
        if (dtype == DType::kBool) y = (x == T{0}) == (z == T{0});
        if (kind == CompareKind::kLess) y = x < z;
        if (kind == CompareKind::kLessEqual) y = x < z || x == z;
        if (kind == CompareKind::kGreater) y = z < x;
        if (kind == CompareKind::kGreaterEqual) y = z < x || x == z;
        expected.push_back(y ? 1 : 0);
      }
      check(compare_kernels(), make_compare_problem(kind, dtype, a_dims, b_dims),
            {a.data(), b.data()}, expected);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(Compare, EveryKernelAgreesWithOperators) {
  const float infinity = std::numeric_limits<float>::infinity();
  check_compare<float>(
      DType::kF32, {-1.5F, 0.0F, -0.0F, 2.0F, 3e38F, infinity, -infinity, std::nanf(""), 1e-45F});
  check_compare<std::int32_t>(DType::kI32, {0, 1, -1, INT32_MAX, INT32_MIN, 7});
  check_compare<std::uint8_t>(DType::kU8, {0, 1, 127, 128, 255});
  check_compare<std::uint8_t>(DType::kBool, {0, 1, 2, 255});
}

TEST(Compare, NotANumberIsEqualToNothing) {
  const float nan = std::nanf("");
  const std::vector<float> a{nan, nan, 1.0F, 1.0F};
  const std::vector<float> b{nan, 1.0F, nan, 1.0F};
  for (const CompareKind kind : kKinds) {
    const bool same = kind != CompareKind::kLess && kind != CompareKind::kGreater;
    check(compare_kernels(), make_compare_problem(kind, DType::kF32, {4}, {4}),
          {a.data(), b.data()}, {0, 0, 0, static_cast<std::uint8_t>(same ? 1 : 0)});
  }
}

TEST(Compare, OtherTypesAreRefused) {
  for (const auto& kernel : compare_kernels()) {
    const TargetInfo target = test::test_target(1);
    EXPECT_FALSE(
        ask(kernel, make_compare_problem(CompareKind::kEqual, DType::kI64, {4}, {4}), target));
    EXPECT_FALSE(
        ask(kernel, make_compare_problem(CompareKind::kLess, DType::kBool, {4}, {4}), target));
  }
}

TEST(Select, EveryKernelChoosesBytes) {
  const std::vector<std::array<Dims, 4>> all = {
      {{{7}, {7}, {7}, {7}}},
      {{{4, 9, 31}, {4, 9, 31}, {4, 9, 31}, {4, 9, 31}}},
      {{{4, 9, 31}, {4, 9, 31}, {}, {4, 9, 31}}},
      {{{4, 9, 31}, {1}, {9, 31}, {4, 9, 31}}},
      {{{4, 9, 31}, {}, {1, 1}, {4, 9, 31}}},
      {{{4, 9, 1}, {9, 31}, {4, 1, 31}, {4, 9, 31}}},
      {{{4, 1, 1}, {1, 9, 1}, {31}, {4, 9, 31}}},
      {{{31}, {4, 9, 1}, {1, 9, 31}, {4, 9, 31}}},
      {{{}, {}, {}, {}}},
      {{{2, 1, 3, 1, 5}, {7, 1, 4, 1}, {1, 1, 3, 4, 5}, {2, 7, 3, 4, 5}}},
      {{{300, 1}, {300, 101}, {101}, {300, 101}}},  // large enough for two threads
      {{{300, 101}, {1, 101}, {300, 101}, {300, 101}}},
      {{{0, 3}, {1, 3}, {3}, {0, 3}}},
  };
  for (const auto& [c_dims, a_dims, b_dims, y_dims] : all) {
    for (const DType dtype : {DType::kU8, DType::kF16, DType::kF32, DType::kI64}) {
      SCOPED_TRACE(to_string(c_dims) + to_string(a_dims) + to_string(b_dims) +
                   std::string(to_string(dtype)));
      test::Random random(static_cast<std::uint64_t>(element_count(y_dims)));
      const std::size_t bytes = size_of(dtype);
      const auto draw = [&](const Dims& dims, std::size_t width, float scale) {
        std::vector<std::uint8_t> drawn(static_cast<std::size_t>(element_count(dims)) * width);
        for (auto& byte : drawn) {
          byte = static_cast<std::uint8_t>((random.next() + 1.0F) * scale);
        }
        return drawn;
      };
      const auto condition = draw(c_dims, 1, 1.5F);  // 0, 1 or 2
      const auto a = draw(a_dims, bytes, 127.0F);
      const auto b = draw(b_dims, bytes, 127.0F);
      std::vector<std::uint8_t> expected;
      for (std::int64_t i = 0; i < element_count(y_dims); ++i) {
        const bool is_a = condition[broadcast_index(c_dims, y_dims, i)] != 0;
        const std::size_t at =
            is_a ? broadcast_index(a_dims, y_dims, i) : broadcast_index(b_dims, y_dims, i);
        for (std::size_t k = 0; k < bytes; ++k) {
          expected.push_back((is_a ? a : b)[at * bytes + k]);
        }
      }
      check(select_kernels(), make_select_problem(dtype, c_dims, a_dims, b_dims),
            {condition.data(), a.data(), b.data()}, expected);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
