#include <algorithm>
#include <array>

#include "kernels/cpu/onednn.h"
#include "kernels/kernel_test.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_test_rows.h"

namespace lasso::kernels {
namespace {

using graph::Activation;

// Operands, and the result in double precision for the values that the numbers of the weights' type
// stand for.
struct LinearCase {
  test::Case<LinearProblem> test;
  std::vector<float> w, b;

  explicit LinearCase(const LinearProblem& p);
};

// The sums are as exact as float32's; then the activation, and the residual's addition. The
// activation of a result that is rounded may be off by an eighth of that rounding.
LinearCase::LinearCase(const LinearProblem& p) {
  test::Random random(static_cast<std::uint64_t>(p.m * 7919 + p.n * 104729 + p.k));
  const auto x = random.vector(p.m * p.k);
  w = random.vector(p.n * p.k, 0.5F);
  if (p.bias) b = random.vector(p.n);
  std::vector<float> r;
  if (p.residual) r = random.vector(p.m * p.n);
  test.name = std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) + " " +
              std::string(to_string(p.activation)) + (p.bias ? " bias" : "") +
              (p.residual ? " residual " : " ") + std::string(to_string(p.input)) + " by " +
              std::string(to_string(p.weights)) + " to " + std::string(to_string(p.output));
  test.problem = p;
  test.output = p.output;
  test.any_threads = true;
  test.constants = {{DType::kF32, {p.n, p.k}, w.data()},
                    p.bias ? TensorView{DType::kF32, {p.n}, b.data()} : TensorView{}};
  test.inputs = {p.input == DType::kF32 ? x : std::vector<float>{}, {}, {}, r};
  if (p.input != DType::kF32) test.byte_inputs[0] = test::bytes_of(test::to_half(p.input, x));
  const std::vector<float> x_values = test::rounded_to_half(p.weights, x);
  const std::vector<float> w_values = test::rounded_to_half(p.weights, w);
  for (std::int64_t m = 0; m < p.m; ++m) {
    for (std::int64_t n = 0; n < p.n; ++n) {
      double sum = p.bias ? b[static_cast<std::size_t>(n)] : 0.0;
      double magnitudes = std::abs(sum);
      for (std::int64_t k = 0; k < p.k; ++k) {
        const double product =
            static_cast<double>(x_values[static_cast<std::size_t>(m * p.k + k)]) *
            w_values[static_cast<std::size_t>(n * p.k + k)];
        sum += product;
        magnitudes += std::abs(product);
      }
      double y = test::activate(p.activation, sum);
      double error =
          test::activation_tolerance(p.activation, test::sum_tolerance(p.k, magnitudes), y);
      if (p.residual) {
        y += r[static_cast<std::size_t>(m * p.n + n)];
        error += test::kEpsilon * std::abs(y);
      }
      test.expected.push_back(y);
      test.tolerance.push_back(error + test::half_rounding(p.output) / 8 * std::abs(y));
    }
  }
}

void check_linear(const LinearProblem& p, test::Ran& ran,
                  const LinearProblem* packed_for = nullptr) {
  const LinearCase c(p);
  test::check_case(linear_test_rows(), c.test, ran, packed_for);
}

LinearProblem problem(std::int64_t m, std::int64_t n, std::int64_t k,
                      DType weights = DType::kBF16) {
  LinearProblem p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.bias = true;
  p.weights = weights;
  p.input = weights;
  return p;
}

TEST(LinearHalf, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  const std::int64_t sizes[] = {1, 3, 7, 16, 17, 31, 33, 64, 100, 257};
  int variant = 0;
  int combination = 0;
  for (const std::int64_t m : {1, 2, 3, 5, 7, 11, 12, 13, 17, 100, 257}) {
    for (const std::int64_t n : sizes) {
      for (const std::int64_t k : sizes) {
        // A third of the combinations, every tenth of them in float16; every size meets every
        // other.
        if (++combination % 3 != 0 || m * n * k > 1'000'000) continue;
        const DType half = variant % 10 == 7 ? DType::kF16 : DType::kBF16;
        LinearProblem p = problem(m, n, k, half);
        p.bias = variant % 2 == 0;
        p.residual = variant % 3 == 0;
        p.activation = static_cast<Activation>(variant % 5);
        p.output = variant % 4 < 3 && !p.residual ? half : DType::kF32;
        p.input = variant % 7 < 3 ? DType::kF32 : half;
        check_linear(p, ran);
        if (::testing::Test::HasFailure()) return;
        variant += 1;
      }
    }
  }
  EXPECT_GT(ran["widened.avx2"], 0);
  EXPECT_GT(ran["emulated_tiles.avx2"], 0);
  EXPECT_GT(ran["reference.reference"], 0);
}

// Sizes that libraries take.
void check_model_sizes(DType weights, test::Ran& ran) {
  for (const Activation activation :
       {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid,
        Activation::kSilu, Activation::kLeakyRelu}) {
    for (const bool residual : {false, true}) {
      for (const bool bias : {false, true}) {
        for (const DType output : {DType::kF32, weights}) {
          if (residual && output != DType::kF32) continue;
          for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{
                   {70, 128, 256}, {65, 64, 1056}, {7, 192, 2048}}) {
            LinearProblem p = problem(m, n, k, weights);
            p.bias = bias;
            p.residual = residual;
            p.activation = activation;
            p.output = output;
            for (const DType input : {weights, DType::kF32}) {
              p.input = input;
              check_linear(p, ran);
            }
          }
        }
      }
    }
  }
}

TEST(LinearHalf, ModelSizesInFloat16) {
  test::Ran ran;
  check_model_sizes(DType::kF16, ran);
  test::expect_all_ran(linear_test_rows(), problem(70, 128, 256, DType::kF16), ran);
}

TEST(LinearHalf, ModelSizesInBfloat16) {
  test::Ran ran;
  check_model_sizes(DType::kBF16, ran);
  EXPECT_GT(ran["widened.avx2"], 0);
  EXPECT_GT(ran["emulated_tiles.avx2"], 0);
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GT(ran["widened.avx512"], 0);
  }
  if (test::test_features().has(CpuFeature::kAvx512Bf16)) {
    EXPECT_GT(ran["product.avx512_bf16"], 0);
    EXPECT_EQ(ran["onednn.avx512_bf16"] > 0, !onednn::version().empty());
  }
}

// More rows than a block of the product has, for both ways to divide the work.
TEST(LinearHalf, SeveralBlocks) {
  test::Ran ran;
  for (const auto& [m, n, k] :
       std::vector<std::array<std::int64_t, 3>>{{700, 70, 257}, {95, 300, 1030}, {300, 65, 3000}}) {
    for (const DType weights : {DType::kBF16, DType::kF16}) {
      LinearProblem p = problem(m, n, k, weights);
      p.activation = Activation::kGelu;
      p.output = weights;
      check_linear(p, ran);
      p.input = DType::kF32;
      check_linear(p, ran);
    }
  }
}

// oneDNN's kernel rounds rows in float32 block by block.
TEST(LinearHalf, SeveralBlocksOfRoundedRows) {
  test::Ran ran;
  for (const std::int64_t m : {4099, 8200, 10240}) {
    LinearProblem p = problem(m, 64, 32);
    p.input = DType::kF32;
    p.residual = true;
    check_linear(p, ran);
    p.residual = false;
    p.output = DType::kBF16;
    check_linear(p, ran);
  }
  if (test::test_features().has(CpuFeature::kAvx512Bf16)) {
    EXPECT_EQ(ran["onednn.avx512_bf16"], onednn::version().empty() ? 0 : 12);
  }
}

TEST(LinearHalf, OnePackedWeightServesEveryNumberOfRows) {
  test::Ran ran;
  const LinearProblem packed_for = problem(4096, 128, 64);
  for (const std::int64_t m : {0, 1, 2, 5, 12, 13, 64, 100, 300}) {
    LinearProblem p = packed_for;
    p.m = m;
    check_linear(p, ran, &packed_for);
    test::expect_same_packing(linear_test_rows(), p, packed_for);
  }
}

// GELU over its whole range: x is a column, W is 1.
TEST(LinearHalf, GeluNearAndFarFromZero) {
  for (const DType weights : {DType::kBF16, DType::kF16}) {
    for (const DType output : {DType::kF32, weights}) {
      LinearProblem p = problem(4000, 1, 1, weights);
      p.bias = false;
      p.activation = Activation::kGelu;
      p.output = output;
      LinearCase c(p);
      c.w[0] = 1.0F;
      std::vector<float> x;
      for (int i = 0; i < 4000; ++i) x.push_back((static_cast<float>(i) - 2000.0F) * 0.01F);
      c.test.byte_inputs[0] = test::bytes_of(test::to_half(weights, x));
      x = test::rounded_to_half(weights, std::move(x));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double y = test::activate(p.activation, x[i]);
        c.test.expected[i] = y;
        c.test.tolerance[i] = 4e-7 * std::max(1.0, std::abs(static_cast<double>(x[i]))) +
                              test::half_rounding(output) / 8 * std::abs(y);
      }
      test::Ran ran;
      test::check_case(linear_test_rows(), c.test, ran);
    }
  }
}

// Sums beyond float16's largest number stay what they are in float32.
TEST(LinearHalf, SumsOfFloat16LeaveItsRange) {
  LinearProblem p = problem(1, 1, 4, DType::kF16);
  p.bias = false;
  LinearCase c(p);
  std::fill(c.w.begin(), c.w.end(), 2.0F);
  c.test.byte_inputs[0] = test::bytes_of(test::to_half(p.input, {60000, 60000, -1, 0}));
  c.test.expected = {239998.0};
  c.test.tolerance = {0};
  test::Ran ran;
  test::check_case(linear_test_rows(), c.test, ran);
}

}  // namespace
}  // namespace lasso::kernels
