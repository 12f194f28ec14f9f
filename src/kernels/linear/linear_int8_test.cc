#include <algorithm>

#include "kernels/kernel_test.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_test_rows.h"
#include "kernels/quantize/quantize.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::kEpsilon;

std::string name_of(const LinearProblem& p) {
  return std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) + " " +
         std::string(to_string(p.activation)) + " " + std::string(to_string(p.output)) +
         (p.bias ? " bias" : "") + (p.residual ? " residual" : "") + (p.gain ? " gain" : "") +
         (p.output_gain ? " output_gain" : "");
}

// A problem's inputs. `extreme`: the largest sums there are.
struct Data {
  explicit Data(const LinearProblem& p, bool extreme = false)
      : random(static_cast<std::uint64_t>(p.m * 10007 + p.n * 101 + p.k)),
        x(static_cast<std::size_t>(p.m * p.k)),
        w(random.vector(p.n * p.k, 0.5F)),
        bias(random.vector(p.n)),
        residual(random.vector(p.m * p.n)),
        x_scales(random.vector(p.m)),
        gain(random.vector(p.k)),
        output_gain(random.vector(p.n)) {
    for (std::uint8_t& value : x) {
      value = static_cast<std::uint8_t>(128 + static_cast<int>(127 * random.next()));
      if (extreme) value = 255;
    }
    for (float& scale : x_scales) scale = 0.01F + 0.01F * std::abs(scale);
    if (extreme) std::fill(w.begin(), w.end(), 1.0F);
  }
  std::vector<TensorView> constants(const LinearProblem& p) const {
    const auto absent = [](bool present, const TensorView& view) {
      return present ? view : TensorView{};
    };
    return {{DType::kF32, {p.n, p.k}, w.data()},
            absent(p.bias, {DType::kF32, {p.n}, bias.data()}),
            absent(p.gain, {DType::kF32, {p.k}, gain.data()}),
            absent(p.output_gain, {DType::kF32, {p.n}, output_gain.data()})};
  }

  test::Random random;
  std::vector<std::uint8_t> x;
  std::vector<float> w, bias, residual, x_scales, gain, output_gain;
};

void check(LinearProblem p, test::Ran& ran, bool extreme = false) {
  p.weights = DType::kI8;
  p.input = DType::kU8;
  const Data data(p, extreme);
  test::Case<LinearProblem> c;
  c.name = name_of(p);
  c.problem = p;
  c.output = p.output;
  c.channels = p.n;
  c.constants = data.constants(p);
  c.inputs = {{}, {}, {}, p.residual ? data.residual : std::vector<float>{}, data.x_scales, {}, {}};
  c.byte_inputs = {{0, data.x}};
  // The weights that are rounded are the problem's; how they are rounded is tested below.
  const Int8Constants weights = int8_constants(p, c.constants);
  for (std::int64_t m = 0; m < p.m; ++m) {
    for (std::int64_t n = 0; n < p.n; ++n) {
      const auto i = static_cast<std::size_t>(n);
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum += (data.x[static_cast<std::size_t>(m * p.k + k)] - 128) *
               static_cast<std::int64_t>(weights.q[static_cast<std::size_t>(n * p.k + k)]);
      }
      // The sum is exact; it, the product of the scales, the product with that and the sum with the
      // bias are rounded to float32: four roundings of half an epsilon.
      const double product = static_cast<double>(sum) *
                             static_cast<double>(data.x_scales[static_cast<std::size_t>(m)]) *
                             static_cast<double>(weights.scales[i]);
      const double bias = p.bias ? static_cast<double>(data.bias[i]) : 0.0;
      double tolerance = 2 * kEpsilon * (std::abs(product) + std::abs(bias)) + 1e-30;
      double y = test::activate(p.activation, product + bias);
      tolerance = test::activation_tolerance(p.activation, tolerance, y);
      if (p.output != DType::kF32) {
        tolerance += test::narrow_activation_tolerance(p.activation, product + bias);
      }
      if (p.residual) {
        y += static_cast<double>(data.residual[static_cast<std::size_t>(m * p.n + n)]);
        tolerance += kEpsilon * std::abs(y);
      }
      if (p.output_gain) {
        const double gain = static_cast<double>(data.output_gain[i]);
        y *= gain;
        tolerance = tolerance * std::abs(gain) + kEpsilon * std::abs(y);
      }
      c.expected.push_back(y);
      c.tolerance.push_back(tolerance);
    }
  }
  test::check_case(linear_test_rows(), c, ran);
}

TEST(LinearInt8, EveryKernelAgreesWithExactSums) {
  test::Ran ran;
  for (const std::int64_t n : {1, 7, 16, 33, 64, 100, 200}) {
    for (const std::int64_t k : {1, 3, 4, 17, 64, 130}) {
      for (const std::int64_t m : {1, 2, 5, 11, 12, 13, 100}) {
        check({.m = m, .n = n, .k = k, .bias = true}, ran);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
  EXPECT_GT(ran["packed.avx2"], 0);
  EXPECT_GT(ran["emulated_tiles.avx2"], 0);
  EXPECT_GT(ran["reference.reference"], 0);
  const CpuFeatures features = test::test_features();
  EXPECT_EQ(ran["packed.avx_vnni"] > 0, features.has(CpuFeature::kAvxVnni));
  EXPECT_EQ(ran["packed.avx512_vnni"] > 0, features.has(CpuFeature::kAvx512Vnni));
}

TEST(LinearInt8, EveryFormOfResult) {
  test::Ran ran;
  for (const std::int64_t m : {0, 1, 9, 40, 200}) {
    for (const Activation activation :
         {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid,
          Activation::kSilu, Activation::kLeakyRelu}) {
      for (const DType output : {DType::kF32, DType::kBF16, DType::kU8}) {
        for (const bool more : {false, true}) {
          check({.m = m,
                 .n = 75,
                 .k = 36,
                 .bias = more,
                 .residual = more && output == DType::kF32,
                 .gain = more,
                 .output_gain = more && output == DType::kU8,
                 .activation = activation,
                 .output = output},
                ran);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

// Blocks of rows, and as many columns and channels as in an image encoder.
TEST(LinearInt8, LargeSizes) {
  test::Ran ran;
  check({.m = 530, .n = 128, .k = 260, .bias = true, .residual = true}, ran);
  check({.m = 61, .n = 3072, .k = 64, .activation = Activation::kGelu, .output = DType::kU8}, ran);
  check({.m = 130, .n = 64, .k = 5120, .bias = true, .output = DType::kBF16}, ran);
  check({.m = 13, .n = 70, .k = 5121, .output = DType::kU8}, ran);
}

TEST(LinearInt8, SumsDoNotOverflow) {
  test::Ran ran;
  check({.m = 3, .n = 33, .k = 5120}, ran, true);
  check({.m = 3, .n = 3, .k = 65536}, ran, true);
}

// All kernels but the reference, and any number of threads, give the same bits.
TEST(LinearInt8, SameBits) {
  for (const DType output : {DType::kF32, DType::kBF16, DType::kU8}) {
    for (const std::int64_t m : {50, 700}) {
      const LinearProblem p{.m = m,
                            .n = 200,
                            .k = 100,
                            .bias = true,
                            .activation = Activation::kGelu,
                            .weights = DType::kI8,
                            .input = DType::kU8,
                            .output = output};
      const Data data(p);
      std::vector<std::byte> first;
      for (const auto& kernel : linear_test_rows()) {
        if (kernel.is_reference()) continue;
        for (const int threads : {1, 2, 3}) {
          const ThreadLimit limit(threads);
          const TargetInfo target = test::test_target(threads);
          const Offer offer = ask(kernel, p, target);
          if (!offer) continue;
          const test::Guarded packed(offer.packed_bytes);
          const test::Guarded workspace(offer.workspace_bytes);
          kernel.pack(p, data.constants(p), packed.data());
          std::vector<std::byte> y(static_cast<std::size_t>(p.m * p.n) * size_of(output));
          std::vector<float> scales(static_cast<std::size_t>(p.m));
          const void* inputs[] = {data.x.data(),        nullptr, nullptr, nullptr,
                                  data.x_scales.data(), nullptr, nullptr};
          void* outputs[] = {y.data(), scales.data()};
          const auto state = kernel.create(p, target, offer);
          kernel.run(*state, {.inputs = inputs,
                              .outputs = outputs,
                              .packed = packed.data(),
                              .workspace = workspace.data()});
          if (first.empty()) first = y;
          EXPECT_EQ(y, first) << name_of(p) << " " << kernel.label() << " " << threads;
        }
      }
    }
  }
}

// Rows without columns have scales all the same.
TEST(LinearInt8, ScalesOfNoColumns) {
  const LinearProblem p{
      .m = 3, .n = 0, .k = 5, .weights = DType::kI8, .input = DType::kU8, .output = DType::kU8};
  const Data data(p);
  for (const auto& kernel : linear_test_rows()) {
    const TargetInfo target = test::test_target(1);
    const Offer offer = ask(kernel, p, target);
    if (!offer) continue;
    const test::Guarded packed(offer.packed_bytes);
    const test::Guarded workspace(offer.workspace_bytes);
    if (offer.packed_bytes > 0) kernel.pack(p, data.constants(p), packed.data());
    std::vector<float> scales(3);
    const void* inputs[] = {data.x.data(),        nullptr, nullptr, nullptr,
                            data.x_scales.data(), nullptr, nullptr};
    void* outputs[] = {nullptr, scales.data()};
    kernel.run(*kernel.create(p, target, offer), {.inputs = inputs,
                                                  .outputs = outputs,
                                                  .packed = packed.data(),
                                                  .workspace = workspace.data()});
    EXPECT_EQ(scales, (std::vector<float>{1, 1, 1})) << kernel.label();
  }
}

TEST(LinearInt8, WeightsAreRoundedByRowsOfWTimesGain) {
  const LinearProblem p{.n = 3, .k = 4, .gain = true};
  const std::vector<float> w{1, -2, 3, 4, 0, 0, 0, 0, 254, 1, -3, 5};
  const std::vector<float> gain{1, 2, 1, 0.5F};
  const Int8Constants weights =
      int8_constants(p, {{DType::kF32, {3, 4}, w.data()}, {}, {DType::kF32, {4}, gain.data()}, {}});
  EXPECT_EQ(weights.scales, (std::vector<float>{4.0F / 127, 1, 2}));
  const std::vector<std::int8_t> expected{32, -127, 95, 64, 0, 0, 0, 0, 127, 1, -2, 1};
  EXPECT_EQ(weights.q, expected);
}

}  // namespace
}  // namespace lasso::kernels
