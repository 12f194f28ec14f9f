#include "kernels/linear/linear.h"

#include <array>
#include <cmath>
#include <limits>

#include "kernels/cpu/onednn.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::Case;

std::vector<std::uint16_t> halves(const std::vector<float>& values, DType dtype) {
  std::vector<std::uint16_t> bits;
  for (const float value : values) {
    bits.push_back(dtype == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value));
  }
  return bits;
}

void round_to(DType dtype, std::vector<float>& values) {
  if (dtype == DType::kF32) return;
  for (float& value : values) {
    value = dtype == DType::kF16 ? f16_to_f32(f32_to_f16(value)) : bf16_to_f32(f32_to_bf16(value));
  }
}

// y = activation(x W^T + b) + r in double precision, with the tolerance of a float32 calculation.
Case<LinearProblem> linear_case(const LinearProblem& p, const std::vector<float>& x,
                                const std::vector<float>& w, const std::vector<float>& b,
                                const std::vector<float>& r) {
  Case<LinearProblem> c;
  c.name = std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) + " " +
           std::string(to_string(p.activation)) + (p.bias ? " bias" : "") +
           (p.residual ? " residual" : "") + (p.packed ? "" : " unpacked");
  c.problem = p;
  c.inputs = {x, p.packed ? std::vector<float>{} : w, p.packed ? std::vector<float>{} : b, r};
  for (std::int64_t m = 0; m < p.m; ++m) {
    for (std::int64_t n = 0; n < p.n; ++n) {
      double sum = p.bias ? b[static_cast<std::size_t>(n)] : 0.0;
      double magnitudes = std::abs(sum);
      for (std::int64_t k = 0; k < p.k; ++k) {
        const double product = static_cast<double>(x[static_cast<std::size_t>(m * p.k + k)]) *
                               w[static_cast<std::size_t>(n * p.k + k)];
        sum += product;
        magnitudes += std::abs(product);
      }
      double y = test::activate(p.activation, sum);
      double tolerance =
          test::activation_tolerance(p.activation, test::sum_tolerance(p.k, magnitudes), y);
      if (p.residual) {
        y += r[static_cast<std::size_t>(m * p.n + n)];
        tolerance += test::kEpsilon * std::abs(y);
      }
      c.expected.push_back(y);
      c.tolerance.push_back(tolerance);
    }
  }
  return c;
}

void check_linear(LinearProblem p, DType dtype, test::Ran& ran,
                  const LinearProblem* packed_for = nullptr) {
  test::Random random(static_cast<std::uint64_t>(p.m * 7919 + p.n * 104729 + p.k));
  const auto x = random.vector(p.m * p.k);
  auto w = random.vector(p.n * p.k, 0.5F);
  auto b = p.bias ? random.vector(p.n) : std::vector<float>{};
  const auto r = p.residual ? random.vector(p.m * p.n) : std::vector<float>{};
  round_to(dtype, w);
  round_to(dtype, b);
  const auto w_bits = halves(w, dtype);
  const auto b_bits = halves(b, dtype);
  Case<LinearProblem> c = linear_case(p, x, w, b, r);
  const bool full = dtype == DType::kF32;
  c.constants = {{dtype, {p.n, p.k}, full ? static_cast<const void*>(w.data()) : w_bits.data()}};
  c.constants.push_back(
      p.bias ? TensorView{dtype, {p.n}, full ? static_cast<const void*>(b.data()) : b_bits.data()}
             : TensorView{});
  test::check_case(linear_kernels(), c, ran, packed_for);
}

TEST(Linear, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  const std::int64_t sizes[] = {1, 3, 7, 16, 17, 31, 64, 100, 257};
  int variant = 0;
  int combination = 0;
  for (const std::int64_t m : {1, 3, 7, 13, 17, 100, 257}) {
    for (const std::int64_t n : sizes) {
      ++combination;
      for (const std::int64_t k : sizes) {
        // A third of the combinations, a diagonal one: still every size with every other.
        if (++combination % 3 != 0 || m * n * k > 1'000'000) continue;
        LinearProblem p{.m = m, .n = n, .k = k};
        p.bias = variant % 2 == 0;
        p.residual = variant % 3 == 0;
        p.activation = static_cast<Activation>(variant % 5);
        p.packed = variant % 11 != 0;
        check_linear(p, DType::kF32, ran);
        if (::testing::Test::HasFatalFailure()) return;
        variant += 1;
      }
    }
  }
  check_linear({.m = 3, .n = 70, .k = 0, .bias = true}, DType::kF32, ran);  // a sum of nothing
  // Rows are too few for oneDNN in some cases and enough in others.
  EXPECT_GT(ran["product.avx2"], 0);
  EXPECT_GT(ran["reference.reference"], 0);
}

// Sizes that oneDNN takes, and sums in several parts.
TEST(Linear, ModelSizes) {
  test::Ran ran;
  for (const Activation activation :
       {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSilu}) {
    for (const bool residual : {false, true}) {
      for (const bool bias : {false, true}) {
        const LinearProblem base{
            .bias = bias, .residual = residual, .activation = activation, .packed = true};
        LinearProblem p = base;
        p.m = 70;
        p.n = 128;
        p.k = 256;
        check_linear(p, DType::kF32, ran);
        p.m = 65;
        p.n = 64;
        p.k = 1040;
        check_linear(p, DType::kF32, ran);
        p.m = 7;
        p.n = 192;
        p.k = 2048;
        check_linear(p, DType::kF32, ran);
      }
    }
  }
  EXPECT_GT(ran["product.avx2"], 0);
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GT(ran["product.avx512"], 0);
    EXPECT_EQ(ran["onednn.avx512"] > 0, !onednn::version().empty());
  }
}

TEST(Linear, HalfPrecisionWeights) {
  test::Ran ran;
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    LinearProblem p{.m = 66, .n = 64, .k = 48, .bias = true, .residual = false};
    check_linear(p, dtype, ran);
    p.n = 31;
    p.k = 17;
    check_linear(p, dtype, ran);
  }
}

TEST(Linear, OnePackedWeightServesEveryNumberOfRows) {
  test::Ran ran;
  const LinearProblem packed_for{.m = 4096, .n = 128, .k = 64, .bias = true};
  for (const std::int64_t m : {1, 2, 5, 12, 13, 64, 100, 300}) {
    LinearProblem p = packed_for;
    p.m = m;
    check_linear(p, DType::kF32, ran, &packed_for);
    test::expect_same_packing(linear_kernels(), p, packed_for);
  }
}

// One in x reaches its whole row and no other.
TEST(Linear, NotANumberStaysOne) {
  for (const Activation activation :
       {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid,
        Activation::kSilu, Activation::kLeakyRelu}) {
    const LinearProblem p{.m = 9, .n = 35, .k = 20, .bias = true, .activation = activation};
    test::Random random(3);
    auto x = random.vector(p.m * p.k);
    x[static_cast<std::size_t>(4 * p.k + 7)] = std::numeric_limits<float>::quiet_NaN();
    const auto w = random.vector(p.n * p.k);
    const auto b = random.vector(p.n);
    for (const auto& kernel : linear_kernels()) {
      const TargetInfo target = test::test_target(1);
      const Offer offer = ask(kernel, p, target);
      // What oneDNN makes of it is its own affair.
      if (!offer || kernel.name == "onednn") continue;
      SCOPED_TRACE(kernel.label() + " " + std::string(to_string(activation)));
      const test::Guarded packed(offer.packed_bytes);
      const test::Guarded workspace(offer.workspace_bytes);
      if (offer.packed_bytes > 0) {
        kernel.pack(p, {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
                    packed.data());
      }
      std::vector<float> y(static_cast<std::size_t>(p.m * p.n));
      const void* inputs[] = {x.data(), p.packed ? nullptr : w.data(),
                              p.packed ? nullptr : b.data(), nullptr};
      void* outputs[] = {y.data()};
      const auto state = kernel.create(p, target, offer);
      kernel.run(*state, {.inputs = inputs,
                          .outputs = outputs,
                          .packed = packed.data(),
                          .workspace = workspace.data()});
      for (std::size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(std::isnan(y[i]), i / static_cast<std::size_t>(p.n) == 4) << "element " << i;
      }
    }
  }
}

TEST(Linear, NoRows) {
  test::Ran ran;
  check_linear({.m = 0, .n = 64, .k = 64, .bias = true}, DType::kF32, ran);
  EXPECT_FALSE(ran.empty());
}

}  // namespace
}  // namespace lasso::kernels
