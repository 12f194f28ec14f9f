// The kernels must agree with the specification bit for bit.
#include "kernels/quantize/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
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
}

constexpr DType kAllTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kI8,
                               DType::kU8,  DType::kI16, DType::kI32,  DType::kI64, DType::kBool};

bool is_floating(DType dtype) { return is_float(dtype) || dtype == DType::kF64; }

// The number that an element stands for. Every one fits in the 64 bits of a long double's fraction.
long double number_at(DType dtype, const std::byte* bytes, std::size_t i) {
  const auto read = [&]<typename T>(T value) {
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    return value;
  };
  switch (dtype) {
    case DType::kF32:
      return read(0.0F);
    case DType::kF16:
    case DType::kBF16:
      return half_to_f32(dtype, read(std::uint16_t{0}));
    case DType::kF64:
      return read(0.0);
    case DType::kI8:
      return read(std::int8_t{0});
    case DType::kU8:
      return read(std::uint8_t{0});
    case DType::kI16:
      return read(std::int16_t{0});
    case DType::kI32:
      return read(std::int32_t{0});
    case DType::kI64:
      return static_cast<long double>(read(std::int64_t{0}));
    case DType::kBool:
      return read(std::uint8_t{0}) != 0 ? 1 : 0;
  }
  return 0;
}

// To the nearest of numbers with so many bits, ties to even; `least` is the exponent of the
// smallest one, `most` the least power of two that is too large.
long double rounded(long double x, int bits, int least, int most) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const int last = std::max(exponent - bits, least);
  const long double y = std::ldexp(std::nearbyint(std::ldexp(x, -last)), last);
  const long double infinity = std::numeric_limits<long double>::infinity();
  return std::abs(y) >= std::ldexp(1.0L, most) ? std::copysign(infinity, x) : y;
}

long double rounded_to(DType dtype, long double x) {
  if (dtype == DType::kF32) return rounded(x, 24, -149, 128);
  if (dtype == DType::kF16) return rounded(x, 11, -24, 16);
  return dtype == DType::kBF16 ? rounded(x, 8, -133, 128) : rounded(x, 53, -1074, 1024);
}

// What NumPy makes of a number, but that integers beyond an integer type's range are the nearest
// that it has where they come from a float, or from int64 to int32.
long double expected_cast(DType from, DType to, long double x) {
  if (to == DType::kBool) return x != 0 ? 1 : 0;
  if (is_floating(to)) {
    if (is_half(to) && !is_floating(from)) x = rounded_to(DType::kF32, x);
    return rounded_to(to, x);
  }
  const int bits = static_cast<int>(8 * size_of(to));
  const bool is_signed = to != DType::kU8;
  const long double beyond = std::ldexp(1.0L, is_signed ? bits - 1 : bits);
  const long double least = is_signed ? -beyond : 0;
  if (is_floating(from) || (from == DType::kI64 && to == DType::kI32)) {
    return std::isnan(x) ? 0 : std::clamp(std::trunc(x), least, beyond - 1);
  }
  const long double range = std::ldexp(1.0L, bits);
  x -= range * std::floor(x / range);  // from 0 on
  return x >= beyond ? x - range : x;
}

// Elements that conversions are particular about.
std::vector<std::byte> elements_of(DType dtype) {
  std::vector<std::byte> bytes;
  const auto add = [&](auto value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), begin, begin + sizeof(value));
  };
  if (is_floating(dtype)) {
    std::vector<double> values{0.0,
                               -0.0,
                               0.5,
                               -0.5,
                               0.99,
                               -0.99,
                               1.5,
                               -1.5,
                               127.5,
                               128.0,
                               -128.0,
                               -129.0,
                               255.0,
                               255.9,
                               256.0,
                               300.0,
                               32767.9,
                               32768.0,
                               -32769.0,
                               0x1p31 - 1,
                               0x1p31,
                               -0x1p31,
                               -0x1p31 - 1,
                               0x1p63,
                               -0x1p63,
                               0x1p62,
                               1e20,
                               -1e20,
                               1e-3,
                               3e38,
                               1e39,
                               -1e300,
                               1e-46,
                               5e-324,
                               1.00390625,
                               65519.999,
                               65520.0,
                               -65520.0,
                               0x1p-25,
                               0x1.8p-25,
                               0x1p-149,
                               0x1.8p-149,
                               0x1.00000001p-25};
    // Rounded to float32 first, these would become ties of float16 or bfloat16.
    values.insert(values.end(), {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11 - 0x1p-40, 1 + 0x1p-8 + 0x1p-40,
                                 -1 - 0x1p-8 + 0x1p-45});
    values.push_back(std::numeric_limits<double>::infinity());
    values.push_back(-std::numeric_limits<double>::infinity());
    values.push_back(std::numeric_limits<double>::quiet_NaN());
    test::Random random(3);
    for (int i = 0; i < 500; ++i) values.push_back(std::ldexp(random.next(), i % 80 - 10));
    for (const double value : values) {
      if (dtype == DType::kF64) {
        add(value);
      } else if (dtype == DType::kF32) {
        add(static_cast<float>(value));
      } else {
        add(f32_to_half(dtype, static_cast<float>(value)));
      }
    }
    return bytes;
  }
  std::vector<std::int64_t> values{0,
                                   1,
                                   -1,
                                   2,
                                   127,
                                   128,
                                   -128,
                                   -129,
                                   255,
                                   256,
                                   -256,
                                   257,
                                   32767,
                                   32768,
                                   -32768,
                                   -32769,
                                   65535,
                                   65536,
                                   65520,
                                   16777217,
                                   33554435,
                                   INT32_MAX,
                                   INT32_MIN,
                                   2147483648,
                                   -2147483649,
                                   4294967296,
                                   4294967297,
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MAX - 511,
                                   (1LL << 53) + 1,
                                   (1LL << 40) + 3};
  for (const std::int64_t value : values) {
    if (dtype == DType::kI64) add(value);
    if (dtype == DType::kI32) add(static_cast<std::int32_t>(value));
    if (dtype == DType::kI16) add(static_cast<std::int16_t>(value));
    if (dtype == DType::kI8) add(static_cast<std::int8_t>(value));
    if (dtype == DType::kU8 || dtype == DType::kBool) add(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

TEST(QuantizeTensor, EveryKernelAgreesWithTheDefinition) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values{0.0F,   -0.0F,  kInfinity,    -kInfinity, std::nanf(""), 3e38F,
                            -3e38F, 1e-44F, 0.125F,       0.375F,     -0.125F,       -0.375F,
                            63.9F,  -32.1F, 0.25F * 0.5F, 4.3e9F,     -2.2e9F};
  test::Random random(11);
  while (values.size() < 40'000)
    values.push_back(random.next() * (values.size() % 3 == 0 ? 64 : 9));
  for (const graph::Affine& scheme :
       {graph::Affine{0.25F, 0}, {0.25F, 128}, {0.1F, 37}, {0.25F, 255}}) {
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{47}, values.size()}) {
      for (const DType input : {DType::kF32, DType::kBF16}) {
        const std::vector<std::uint16_t> narrow = to_bf16(values);
        const QuantizeTensorProblem p{static_cast<std::int64_t>(count), input, scheme};
        int ran = 0;
        each_kernel(
            quantize_tensor_kernels(), p, [&](const auto& kernel, const TargetInfo& target) {
              ++ran;
              const test::Guarded q(count);
              run(kernel, p, target,
                  {input == DType::kBF16 ? static_cast<const void*>(narrow.data()) : values.data()},
                  {q.data()});
              EXPECT_TRUE(q.intact());
              for (std::size_t i = 0; i < count; ++i) {
                const float x = input == DType::kBF16 ? bf16_to_f32(narrow[i]) : values[i];
                const float number = std::nearbyint(x * (1.0F / scheme.scale));
                const double above = double{number} + static_cast<double>(scheme.zero);
                const int expected = above > 0 ? static_cast<int>(std::min(above, 255.0)) : 0;
                ASSERT_EQ(std::to_integer<int>(q.data()[i]), expected)
                    << "element " << i << ": " << x;
              }
            });
        EXPECT_GE(ran, 4);  // the reference and AVX2, by one thread and by two
      }
    }
  }
}

TEST(Cast, EveryPairOfTypes) {
  for (const DType from : kAllTypes) {
    const std::vector<std::byte> x = elements_of(from);
    const std::size_t count = x.size() / size_of(from);
    for (const DType to : kAllTypes) {
      SCOPED_TRACE(std::string(to_string(from)) + " to " + std::string(to_string(to)));
      const CastProblem p{static_cast<std::int64_t>(count), from, to};
      int ran = 0;
      each_kernel(cast_kernels(), p, [&](const auto& kernel, const TargetInfo& target) {
        ++ran;
        const test::Guarded y(count * size_of(to));
        run(kernel, p, target, {x.data()}, {y.data()});
        EXPECT_TRUE(y.intact());
        for (std::size_t i = 0; i < count; ++i) {
          const long double expected = expected_cast(from, to, number_at(from, x.data(), i));
          const long double got = number_at(to, y.data(), i);
          if (to == DType::kBool) {
            ASSERT_LE(std::to_integer<int>(y.data()[i]), 1);
          }
          if (std::isnan(expected)) {
            ASSERT_TRUE(std::isnan(got)) << "element " << i;
          } else {
            ASSERT_EQ(got, expected) << "element " << i << ": " << number_at(from, x.data(), i);
          }
        }
      });
      EXPECT_GT(ran, 0);
      if (::testing::Test::HasFailure()) return;
      each_kernel(cast_kernels(), CastProblem{0, from, to},
                  [&](const auto& kernel, const TargetInfo& target) {
                    run(kernel, CastProblem{0, from, to}, target, {nullptr}, {nullptr});
                  });
    }
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
