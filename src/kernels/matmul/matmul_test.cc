#include "kernels/matmul/matmul.h"

#include <array>

#include "kernels/cpu/onednn.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::Case;

void check_matmul(const Dims& a_dims, const Dims& b_dims, Activation activation, test::Ran& ran) {
  Case<MatMulProblem> c;
  c.problem = make_matmul_problem({.activation = activation}, a_dims, b_dims);
  const MatMulProblem& p = c.problem;
  c.name = to_string(a_dims) + to_string(b_dims) + std::string(to_string(activation));
  test::Random random(static_cast<std::uint64_t>(p.m * 7919 + p.n * 104729 + p.k));
  const auto a = random.vector(element_count(a_dims));
  const auto b = random.vector(element_count(b_dims));
  c.inputs = {a, b};
  for (std::int64_t batch = 0; batch < p.batch; ++batch) {
    const float* a0 = a.data() + p.a_offsets[static_cast<std::size_t>(batch)];
    const float* b0 = b.data() + p.b_offsets[static_cast<std::size_t>(batch)];
    for (std::int64_t m = 0; m < p.m; ++m) {
      for (std::int64_t n = 0; n < p.n; ++n) {
        double sum = 0;
        double magnitudes = 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          const double product = static_cast<double>(a0[m * p.k + k]) * b0[n * p.k + k];
          sum += product;
          magnitudes += std::abs(product);
        }
        const double y = test::activate(activation, sum);
        c.expected.push_back(y);
        c.tolerance.push_back(
            test::activation_tolerance(activation, test::sum_tolerance(p.k, magnitudes), y));
      }
    }
  }
  test::check_case(matmul_kernels(), c, ran);
}

TEST(MatMul, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  int combination = 0;
  for (const std::int64_t m : {1, 3, 4, 7, 17, 64}) {
    ++combination;
    for (const std::int64_t n : {1, 7, 16, 31, 100, 1000}) {
      ++combination;
      for (const std::int64_t k : {1, 8, 17, 32, 64, 100}) {
        if (++combination % 2 == 0) continue;
        check_matmul({m, k}, {n, k}, static_cast<Activation>((m + n + k) % 5), ran);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

// More rows, and a longer sum, than one block of the product holds, with tails.
TEST(MatMul, SeveralBlocksOfRowsAndParts) {
  test::Ran ran;
  for (const auto& [m, n, k] :
       std::vector<std::array<std::int64_t, 3>>{{481, 70, 257}, {1000, 130, 600}, {3, 1000, 513}}) {
    check_matmul({m, k}, {n, k}, Activation::kGelu, ran);
  }
  EXPECT_GT(ran["reference.reference"], 0);
  EXPECT_GT(ran["product.avx2"], 0);
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GT(ran["product.avx512"], 0);
    EXPECT_EQ(ran["onednn.avx512"] > 0, !onednn::version().empty());
  }
}

TEST(MatMul, LeadingDimensionsBroadcast) {
  test::Ran ran;
  check_matmul({3, 4, 32}, {3, 500, 32}, Activation::kNone, ran);
  check_matmul({2, 3, 5, 16}, {3, 7, 16}, Activation::kNone, ran);
  check_matmul({4, 16}, {2, 100, 16}, Activation::kRelu, ran);
  check_matmul({2, 1, 9, 33}, {1, 3, 20, 33}, Activation::kNone, ran);
  check_matmul({5, 40, 24}, {1, 70, 24}, Activation::kGelu, ran);
  check_matmul({5, 40, 24}, {1, 70, 24}, Activation::kSilu, ran);
}

TEST(MatMul, OffsetsOfBroadcastBatches) {
  const MatMulProblem p = make_matmul_problem({}, {2, 1, 4, 5}, {3, 6, 5});
  EXPECT_EQ(p.batch, 6);
  EXPECT_EQ(p.a_offsets, (std::vector<std::int64_t>{0, 0, 0, 20, 20, 20}));
  EXPECT_EQ(p.b_offsets, (std::vector<std::int64_t>{0, 30, 60, 0, 30, 60}));
  EXPECT_EQ(p.loops, (std::vector<BatchLoop>{{2, 20, 0}, {3, 0, 30}}));
}

TEST(MatMul, LoopsOverOneDistanceAreOne) {
  const MatMulProblem p = make_matmul_problem({}, {2, 1, 3, 4, 5}, {2, 1, 3, 6, 5});
  EXPECT_EQ(p.loops, (std::vector<BatchLoop>{{6, 20, 30}}));
  EXPECT_EQ(p.a_offsets, (std::vector<std::int64_t>{0, 20, 40, 60, 80, 100}));
  EXPECT_TRUE(make_matmul_problem({}, {1, 4, 5}, {6, 5}).loops.empty());
  EXPECT_TRUE(make_matmul_problem({}, {0, 4, 5}, {0, 6, 5}).a_offsets.empty());
}

}  // namespace
}  // namespace lasso::kernels
