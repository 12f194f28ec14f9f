#include "core/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace lasso {
namespace {

// The value of a half by the definition of binary16.
double value_of_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(DType, EveryHalfConvertsThereAndBack) {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto half = static_cast<std::uint16_t>(i);
    const float value = f16_to_f32(half);
    const double expected = value_of_half(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value)))) << i;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), expected) << i;
    ASSERT_EQ(std::signbit(value), i >= 32768) << i;
    ASSERT_EQ(f32_to_f16(value), half) << i;
  }
}

TEST(DType, HalvesRoundToNearestAndTiesToEven) {
  // Between every two neighbours among the positive finite halves: their middle, and the floats
  // beside it.
  for (std::uint16_t low = 0; low < 0x7bff; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const float middle = 0.5f * (f16_to_f32(low) + f16_to_f32(high));
    const float below = std::nextafter(middle, 0.0f);
    const float above = std::nextafter(middle, 1e9f);
    ASSERT_EQ(f32_to_f16(middle), low % 2 == 0 ? low : high) << low;
    ASSERT_EQ(f32_to_f16(below), low) << low;
    ASSERT_EQ(f32_to_f16(above), high) << low;
  }
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-1e30f), 0xfc00);
}

TEST(DType, EveryBfloat16ConvertsThereAndBack) {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = bf16_to_f32(bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), i << 16);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value)))) << i;
    } else {
      ASSERT_EQ(f32_to_bf16(value), bits) << i;
    }
  }
}

TEST(DType, Bfloat16RoundsToNearestAndTiesToEven) {
  const auto round = [](std::uint32_t bits) { return f32_to_bf16(std::bit_cast<float>(bits)); };
  EXPECT_EQ(round(0x3f808000), 0x3f80);  // a tie, and the lower one is even
  EXPECT_EQ(round(0x3f818000), 0x3f82);  // a tie, and the upper one is even
  EXPECT_EQ(round(0x3f808001), 0x3f81);
  EXPECT_EQ(round(0x3f807fff), 0x3f80);
  EXPECT_EQ(round(0x7f7fffff), 0x7f80);  // the largest float rounds to infinity
  EXPECT_EQ(round(0xff800000), 0xff80);
  // A NaN whose upper half alone would read as infinity.
  EXPECT_TRUE(std::isnan(bf16_to_f32(round(0x7f800001))));
}

TEST(DType, NamesAndSizes) {
  const std::vector<std::pair<DType, std::size_t>> all{
      {DType::kF32, 4}, {DType::kF16, 2}, {DType::kBF16, 2}, {DType::kF64, 8}, {DType::kI8, 1},
      {DType::kU8, 1},  {DType::kI16, 2}, {DType::kI32, 4},  {DType::kI64, 8}, {DType::kBool, 1}};
  std::set<std::string_view> names;
  for (const auto& [dtype, size] : all) {
    EXPECT_EQ(size_of(dtype), size);
    names.insert(to_string(dtype));
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(to_string(DType::kBF16), "bfloat16");
}

}  // namespace
}  // namespace lasso
