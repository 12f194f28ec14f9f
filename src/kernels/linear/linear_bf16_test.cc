#include <algorithm>
#include <array>

#include "kernels/cpu/onednn.h"
#include "kernels/kernel_test.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {
namespace {

using graph::Activation;

std::vector<std::uint16_t> to_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  bits.reserve(values.size());
  for (const float value : values) bits.push_back(f32_to_bf16(value));
  return bits;
}

std::vector<float> to_f32(const std::vector<std::uint16_t>& bits) {
  std::vector<float> values;
  values.reserve(bits.size());
  for (const std::uint16_t value : bits) values.push_back(bf16_to_f32(value));
  return values;
}

// Operands, and the result in double precision for the values that bfloat16 numbers stand for.
struct LinearCase {
  LinearProblem problem;
  std::vector<std::uint16_t> x;
  std::vector<float> x_f32;  // what x is rounded from
  std::vector<float> w, b, r;
  std::vector<double> expected, tolerance;

  explicit LinearCase(const LinearProblem& p);
};

// The sums are as exact as float32's; then the activation, and the residual's addition. A bfloat16
// result is rounded, by at most 2^-8 |y|, and its activation may be as far off as 2^-11 |y|.
LinearCase::LinearCase(const LinearProblem& p) : problem(p) {
  test::Random random(static_cast<std::uint64_t>(p.m * 7919 + p.n * 104729 + p.k));
  x_f32 = random.vector(p.m * p.k);
  x = to_bf16(x_f32);
  w = random.vector(p.n * p.k, 0.5F);
  if (p.bias) b = random.vector(p.n);
  if (p.residual) r = random.vector(p.m * p.n);
  const std::vector<float> x_values = to_f32(x);
  const std::vector<float> w_values = to_f32(to_bf16(w));
  const double rounding = p.output == DType::kBF16 ? 0x1p-8 + 0x1p-11 : 0.0;
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
      expected.push_back(y);
      tolerance.push_back(error + rounding * (std::abs(y) + error));
    }
  }
}

std::vector<std::byte> pack(const Kernel<LinearProblem>& kernel, const LinearCase& c,
                            const LinearProblem& packed_for) {
  const LinearProblem& p = c.problem;
  const Offer offer = ask(kernel, p, test::test_target(1));
  EXPECT_FALSE(offer.packed_layout.empty());
  const test::Guarded packed(offer.packed_bytes);
  const TensorView bias = p.bias ? TensorView{DType::kF32, {p.n}, c.b.data()} : TensorView{};
  kernel.pack(packed_for, {{DType::kF32, {p.n, p.k}, c.w.data()}, bias}, packed.data());
  EXPECT_TRUE(packed.intact()) << "pack() wrote outside its bytes";
  return {packed.data(), packed.data() + offer.packed_bytes};
}

// The output's bytes, every element of which must have been written.
std::vector<std::byte> run(const Kernel<LinearProblem>& kernel, const LinearCase& c,
                           const std::vector<std::byte>& packed_bytes, int threads) {
  const LinearProblem& p = c.problem;
  const ThreadLimit limit(threads);
  const TargetInfo target = test::test_target(threads);
  const Offer offer = ask(kernel, p, target);
  const test::Guarded packed(packed_bytes.size());
  std::copy(packed_bytes.begin(), packed_bytes.end(), packed.data());
  const test::Guarded workspace(offer.workspace_bytes);
  const test::Guarded output(static_cast<std::size_t>(p.m * p.n) * size_of(p.output));
  const void* x = p.input == DType::kBF16 ? static_cast<const void*>(c.x.data()) : c.x_f32.data();
  const void* inputs[] = {x, nullptr, nullptr, p.residual ? c.r.data() : nullptr};
  void* outputs[] = {output.data()};
  const auto state = kernel.create(p, target, offer);
  kernel.run(*state, {.inputs = inputs,
                      .outputs = outputs,
                      .packed = packed.data(),
                      .workspace = workspace.data()});
  EXPECT_TRUE(workspace.intact()) << "the workspace is larger than planned";
  EXPECT_TRUE(output.intact()) << "written outside the output";
  return {output.data(), output.data() + static_cast<std::size_t>(p.m * p.n) * size_of(p.output)};
}

void expect_close(const LinearCase& c, const std::vector<std::byte>& bytes) {
  for (std::size_t i = 0; i < c.expected.size(); ++i) {
    double y = 0;
    if (c.problem.output == DType::kBF16) {
      y = bf16_to_f32(reinterpret_cast<const std::uint16_t*>(bytes.data())[i]);
    } else {
      y = reinterpret_cast<const float*>(bytes.data())[i];
    }
    ASSERT_LE(std::abs(y - c.expected[i]), c.tolerance[i])  // NaN fails
        << "element " << i << ": " << y << " instead of " << c.expected[i];
  }
}

void check_linear(const LinearProblem& p, test::Ran& ran,
                  const LinearProblem* packed_for = nullptr) {
  const LinearCase c(p);
  std::map<std::string, std::vector<std::byte>> layouts;
  for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
    const Offer offer = ask(kernel, p, test::test_target(1));
    if (!offer) continue;
    SCOPED_TRACE(std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) + " " +
                 std::string(to_string(p.activation)) + (p.bias ? " bias" : "") +
                 (p.residual ? " residual " : " ") + std::string(to_string(p.input)) + " to " +
                 std::string(to_string(p.output)) + " " + kernel.label());
    ++ran[kernel.label()];
    const auto packed = pack(kernel, c, packed_for == nullptr ? p : *packed_for);
    const auto [layout, is_new] = layouts.emplace(offer.packed_layout, packed);
    EXPECT_TRUE(is_new || layout->second == packed) << "equal names, other bytes";
    const auto one = run(kernel, c, packed, 1);
    expect_close(c, one);
    EXPECT_EQ(one, run(kernel, c, packed, 1)) << "a second run gave other bits";
    EXPECT_EQ(one, run(kernel, c, packed, 2)) << "two threads gave other bits";
  }
}

LinearProblem problem(std::int64_t m, std::int64_t n, std::int64_t k) {
  LinearProblem p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.bias = true;
  p.weights = DType::kBF16;
  p.input = DType::kBF16;
  return p;
}

TEST(LinearBf16, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  const std::int64_t sizes[] = {1, 3, 7, 16, 17, 31, 33, 64, 100, 257};
  int variant = 0;
  int combination = 0;
  for (const std::int64_t m : {1, 2, 3, 5, 7, 11, 12, 13, 17, 100, 257}) {
    for (const std::int64_t n : sizes) {
      for (const std::int64_t k : sizes) {
        // A third of the combinations; every size meets every other.
        if (++combination % 3 != 0 || m * n * k > 1'000'000) continue;
        LinearProblem p = problem(m, n, k);
        p.bias = variant % 2 == 0;
        p.residual = variant % 3 == 0;
        p.activation = static_cast<Activation>(variant % 4);
        p.output = variant % 5 < 3 && !p.residual ? DType::kBF16 : DType::kF32;
        p.input = variant % 7 < 3 ? DType::kF32 : DType::kBF16;
        check_linear(p, ran);
        if (::testing::Test::HasFatalFailure()) return;
        variant += 1;
      }
    }
  }
  EXPECT_GT(ran["widened.avx2"], 0);
  EXPECT_GT(ran["reference.reference"], 0);
}

// Sizes that oneDNN takes.
TEST(LinearBf16, ModelSizes) {
  test::Ran ran;
  for (const Activation activation :
       {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid}) {
    for (const bool residual : {false, true}) {
      for (const bool bias : {false, true}) {
        for (const DType output : {DType::kF32, DType::kBF16}) {
          if (residual && output == DType::kBF16) continue;
          for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{
                   {70, 128, 256}, {65, 64, 1056}, {7, 192, 2048}}) {
            LinearProblem p = problem(m, n, k);
            p.bias = bias;
            p.residual = residual;
            p.activation = activation;
            p.output = output;
            for (const DType input : {DType::kBF16, DType::kF32}) {
              p.input = input;
              check_linear(p, ran);
            }
          }
        }
      }
    }
  }
  EXPECT_GT(ran["widened.avx2"], 0);
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GT(ran["widened.avx512"], 0);
  }
  if (test::test_features().has(CpuFeature::kAvx512Bf16)) {
    EXPECT_GT(ran["product.avx512_bf16"], 0);
    EXPECT_EQ(ran["onednn.avx512_bf16"] > 0, !onednn::version().empty());
  }
}

// More rows than a block of the product has, for both ways to divide the work.
TEST(LinearBf16, SeveralBlocks) {
  test::Ran ran;
  for (const auto& [m, n, k] :
       std::vector<std::array<std::int64_t, 3>>{{700, 70, 257}, {95, 300, 1030}, {300, 65, 3000}}) {
    LinearProblem p = problem(m, n, k);
    p.activation = Activation::kGelu;
    p.output = DType::kBF16;
    check_linear(p, ran);
    p.input = DType::kF32;
    check_linear(p, ran);
  }
}

// oneDNN's kernel rounds rows in float32 block by block.
TEST(LinearBf16, SeveralBlocksOfRoundedRows) {
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
    EXPECT_EQ(ran["onednn.avx512_bf16"], onednn::version().empty() ? 0 : 6);
  }
}

TEST(LinearBf16, OnePackedWeightServesEveryNumberOfRows) {
  test::Ran ran;
  const LinearProblem packed_for = problem(4096, 128, 64);
  for (const std::int64_t m : {0, 1, 2, 5, 12, 13, 64, 100, 300}) {
    LinearProblem p = packed_for;
    p.m = m;
    check_linear(p, ran, &packed_for);
    test::expect_same_packing(linear_kernels(), p, packed_for);
  }
}

// GELU over its whole range: x is a diagonal, W one column of ones.
TEST(LinearBf16, GeluNearAndFarFromZero) {
  for (const DType output : {DType::kF32, DType::kBF16}) {
    LinearProblem p = problem(4000, 1, 1);
    p.bias = false;
    p.activation = Activation::kGelu;
    p.output = output;
    LinearCase c(p);
    c.w[0] = 1.0F;
    for (std::size_t i = 0; i < c.x.size(); ++i) {
      c.x[i] = f32_to_bf16((static_cast<float>(i) - 2000.0F) * 0.01F);
      const double x = bf16_to_f32(c.x[i]);
      c.expected[i] = test::activate(p.activation, x);
      c.tolerance[i] = 4e-7 * std::max(1.0, std::abs(x)) +
                       (output == DType::kBF16 ? 0x1p-8 + 0x1p-11 : 0.0) * std::abs(c.expected[i]);
    }
    for (const auto& kernel : linear_kernels()) {
      if (!ask(kernel, p, test::test_target(1))) continue;
      SCOPED_TRACE(kernel.name);
      expect_close(c, run(kernel, c, pack(kernel, c, p), 1));
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
