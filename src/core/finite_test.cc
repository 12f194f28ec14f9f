#include "core/finite.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace lasso {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMost = std::numeric_limits<float>::max();

template <typename T>
std::size_t count(DType dtype, const std::vector<T>& values) {
  return count_not_finite(dtype, values.data(), values.size());
}

TEST(CountNotFinite, Float32) {
  EXPECT_EQ(count<float>(DType::kF32, {}), 0U);
  EXPECT_EQ(count<float>(DType::kF32, {0, -0.0F, kMost, -kMost, 1e-45F}), 0U);
  EXPECT_EQ(count<float>(DType::kF32, {kInf, 1, -kInf, kNan, -kNan, 2}), 4U);
  // In the first, an inner and the last block.
  std::vector<float> many(20000, 1.0F);
  many.front() = kNan;
  many[9000] = many[9001] = kInf;
  many.back() = -kInf;
  EXPECT_EQ(count_not_finite(many.data(), many.size()), 4U);
  EXPECT_EQ(count_not_finite(many.data() + 1, 8999), 0U);
}

TEST(CountNotFinite, HalfPrecisions) {
  EXPECT_EQ(count<std::uint16_t>(DType::kF16, {0, 0x7bff, 0xfbff, 0x8000, 0x0001}), 0U);
  EXPECT_EQ(count<std::uint16_t>(DType::kF16, {0x7c00, 0xfc00, 0x7e00, 0xffff}), 4U);
  EXPECT_EQ(count<std::uint16_t>(DType::kBF16, {0, 0x7f7f, 0xff7f, 0x7c00}), 0U);
  EXPECT_EQ(count<std::uint16_t>(DType::kBF16, {0x7f80, 0xff80, 0x7fc0, 0xffff}), 4U);
}

TEST(CountNotFinite, Float64BeyondFloat32) {
  const double largest = kMost;
  const double middle = 0x1.ffffffp127;  // between the largest float32 and 2^128; ties go to even
  const double below = std::bit_cast<double>(std::bit_cast<std::uint64_t>(middle) - 1);
  EXPECT_EQ(count<double>(DType::kF64, {0, largest, -largest, below, -below, 1e-320}), 0U);
  EXPECT_EQ(static_cast<float>(below), kMost);
  EXPECT_EQ(static_cast<float>(middle), kInf);
  EXPECT_EQ(count<double>(DType::kF64, {middle, -middle, 1e300, kInf, kNan}), 5U);
}

TEST(CountNotFinite, IntegersAreFinite) {
  EXPECT_EQ(count<std::int32_t>(DType::kI32, {0x7f800000, -1}), 0U);
  EXPECT_EQ(count<std::uint8_t>(DType::kU8, {255, 127}), 0U);
}

TEST(CountNotFinite, ValuesMayLieUnaligned) {
  const std::vector<float> values{1, kNan, 2, kInf, 3};
  std::vector<std::byte> bytes(values.size() * sizeof(float) + 1);
  std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(float));
  EXPECT_EQ(count_not_finite(DType::kF32, bytes.data() + 1, values.size()), 2U);
}

}  // namespace
}  // namespace lasso
