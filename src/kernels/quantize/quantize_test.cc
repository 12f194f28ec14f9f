// The kernels must agree with the specification bit for bit.
#include "kernels/quantize/quantize.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

// Calls check(kernel, target) for every kernel that runs here, with one thread and with two.
template <typename Problem, typename Check>
void each_kernel(const std::vector<Kernel<Problem>>& list, const Problem& problem,
                 const Check& check) {
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      const ThreadLimit limit(threads);
      const TargetInfo target = test::test_target(threads);
      if (!ask(kernel, problem, target)) continue;
      SCOPED_TRACE(kernel.label());
      check(kernel, target);
    }
  }
}

template <typename Problem>
void run(const Kernel<Problem>& kernel, const Problem& problem, const TargetInfo& target,
         std::vector<const void*> inputs, std::vector<void*> outputs) {
  const Offer offer = ask(kernel, problem, target);
  const test::Guarded workspace(offer.workspace_bytes);
  const auto state = kernel.create(problem, target, offer);
  kernel.run(
      *state,
      {.inputs = inputs, .outputs = outputs, .packed = nullptr, .workspace = workspace.data()});
  EXPECT_TRUE(workspace.intact());
}

std::vector<std::uint16_t> to_bf16(const std::vector<float>& x) {
  return test::to_half(DType::kBF16, x);
}

// Quantize's definition, in the few steps that are rounded.
void check_quantize(const QuantizeProblem& p, const std::vector<float>& x,
                    const std::vector<float>& gain) {
  SCOPED_TRACE(std::to_string(p.rows) + "x" + std::to_string(p.channels) + " " +
               std::string(to_string(p.input)) + (p.gain ? " gain" : ""));
  const std::vector<std::uint16_t> narrow = to_bf16(x);
  std::vector<std::uint8_t> expected(x.size());
  std::vector<float> expected_scales;
  for (std::int64_t row = 0; row < p.rows; ++row) {
    float largest = 0;
    std::vector<float> values;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const auto i = static_cast<std::size_t>(row * p.channels + c);
      const float value = p.input == DType::kBF16 ? bf16_to_f32(narrow[i]) : x[i];
      values.push_back(p.gain ? value * gain[static_cast<std::size_t>(c)] : value);
      if (std::abs(values.back()) > largest) largest = std::abs(values.back());
    }
    const float scale = largest == 0 ? 1 : largest / 127;
    expected_scales.push_back(scale);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const float q = std::nearbyint(values[static_cast<std::size_t>(c)] * (1 / scale));
      expected[static_cast<std::size_t>(row * p.channels + c)] =
          static_cast<std::uint8_t>(128 + (q >= -127 ? std::min(q, 127.0F) : -127.0F));
    }
  }
  each_kernel(quantize_kernels(), p, [&](const auto& kernel, const TargetInfo& target) {
    const test::Guarded q(x.size());
    const test::Guarded scales(expected_scales.size() * sizeof(float));
    run(kernel, p, target,
        {p.input == DType::kBF16 ? static_cast<const void*>(narrow.data()) : x.data(),
         p.gain ? gain.data() : nullptr},
        {q.data(), scales.data()});
    EXPECT_TRUE(q.intact() && scales.intact());
    for (std::size_t i = 0; i < expected_scales.size(); ++i) {
      ASSERT_EQ(reinterpret_cast<const float*>(scales.data())[i], expected_scales[i]) << i;
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(static_cast<int>(q.data()[i]), expected[i]) << "element " << i << ": " << x[i];
    }
  });
}

TEST(Quantize, EveryKernelAgreesWithTheDefinition) {
  for (const std::int64_t channels : {1, 3, 7, 8, 16, 17, 31, 32, 33, 64, 100, 768, 1280}) {
    for (const std::int64_t rows : {0, 1, 2, 5, 64}) {
      test::Random random(static_cast<std::uint64_t>(rows * 1000 + channels));
      const auto x = random.vector(rows * channels, 3.0F);
      const auto gain = random.vector(channels);
      for (const DType input : {DType::kF32, DType::kBF16}) {
        for (const bool with_gain : {false, true}) {
          check_quantize({rows, channels, input, with_gain}, x, gain);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(Quantize, RowsOfZerosTiesAndExtremes) {
  constexpr std::int64_t kChannels = 35;
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x(6 * kChannels, 0.0F);
  for (int c = 0; c < kChannels; ++c) {
    x[static_cast<std::size_t>(kChannels + c)] = static_cast<float>(c) - 17.5F;  // ties
    x[static_cast<std::size_t>(2 * kChannels + c)] = 1e-44F * static_cast<float>(c);
    x[static_cast<std::size_t>(3 * kChannels + c)] = c == 3 ? infinity : -1.0F;
    x[static_cast<std::size_t>(4 * kChannels + c)] = c % 4 == 1 ? nan : static_cast<float>(c);
    x[static_cast<std::size_t>(5 * kChannels + c)] = nan;
  }
  x[2 * kChannels - 1] = -127.0F;
  const std::vector<float> ones(kChannels, 1.0F);
  for (const DType input : {DType::kF32, DType::kBF16}) {
    check_quantize({6, kChannels, input, false}, x, {});
    check_quantize({6, kChannels, input, true}, x, ones);
  }
}

TEST(Cast, FromAndToIntegers) {
  const auto cast = [](DType from, DType to, const void* x, std::int64_t count, void* y) {
    const CastProblem p{count, from, to};
    each_kernel(cast_kernels(), p, [&](const auto& kernel, const TargetInfo& target) {
      run(kernel, p, target, {x}, {y});
    });
  };
  const std::vector<float> x{0.9F, -0.9F, 127.5F, 300.0F, -1e20F, 1e20F, std::nanf("")};
  std::vector<std::uint8_t> bytes(x.size());
  cast(DType::kF32, DType::kU8, x.data(), 7, bytes.data());
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0, 0, 127, 255, 0, 255, 0}));
  std::vector<std::int32_t> integers(x.size());
  cast(DType::kF32, DType::kI32, x.data(), 7, integers.data());
  EXPECT_EQ(integers, (std::vector<std::int32_t>{0, 0, 127, 300, INT32_MIN, INT32_MAX, 0}));
  std::vector<float> floats(x.size());
  cast(DType::kU8, DType::kF32, bytes.data(), 7, floats.data());
  EXPECT_EQ(floats, (std::vector<float>{0, 0, 127, 255, 0, 255, 0}));
  cast(DType::kI32, DType::kF32, integers.data(), 4, floats.data());
  EXPECT_EQ(floats[3], 300.0F);
  for (const auto& kernel : cast_kernels()) {
    const CastProblem p{1, DType::kF32, DType::kI64};
    EXPECT_FALSE(ask(kernel, p, test::test_target(1))) << kernel.name;
  }
}

TEST(Cast, EveryKernelRoundsAsTheScalarFunctions) {
  std::vector<float> values{0.0F,
                            -0.0F,
                            1e-44F,
                            -1e-40F,
                            3.4e38F,
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::quiet_NaN(),
                            bf16_to_f32(0x7F80) * 0.0F,
                            1.00390625F,  // ties to even, of bfloat16
                            1.01171875F,
                            1.00048828125F,  // and of float16
                            1.00146484375F,
                            65519.0F,  // the largest that does not overflow in float16
                            65520.0F,
                            -0x1p-25F};
  test::Random random(5);
  while (values.size() < 40'000) {
    values.push_back(std::ldexp(random.next(), static_cast<int>(values.size() % 200) - 100));
  }
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{9}, std::size_t{31},
                                  std::size_t{1000}, values.size()}) {
    const std::vector<float> x(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
    for (const DType to : {DType::kF32, DType::kBF16, DType::kF16}) {
      for (const DType from : {DType::kF32, DType::kBF16, DType::kF16}) {
        const auto narrow = from == DType::kF16 ? test::to_half(DType::kF16, x) : to_bf16(x);
        const void* input = narrow.data();
        if (from == DType::kF32) input = x.data();
        const CastProblem p{static_cast<std::int64_t>(count), from, to};
        each_kernel(cast_kernels(), p, [&](const auto& kernel, const TargetInfo& target) {
          const test::Guarded y(count * size_of(to));
          run(kernel, p, target, {input}, {y.data()});
          EXPECT_TRUE(y.intact());
          for (std::size_t i = 0; i < count; ++i) {
            const float expected = from == DType::kF32 ? x[i] : half_to_f32(from, narrow[i]);
            if (to != DType::kF32) {
              const auto got = reinterpret_cast<const std::uint16_t*>(y.data())[i];
              ASSERT_EQ(got, f32_to_half(to, expected)) << "element " << i << ": " << x[i];
            } else {
              const float got = reinterpret_cast<const float*>(y.data())[i];
              ASSERT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(expected))
                  << "element " << i;
            }
          }
        });
      }
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
