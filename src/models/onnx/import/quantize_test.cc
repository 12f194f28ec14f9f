// Operators of quantised numbers: results that are exact.
#include <gtest/gtest.h>

#include "models/onnx/import/import_test.h"

namespace lasso::onnx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using Numbers = std::vector<float>;

constexpr int kUint8 = 2;
constexpr int kInt8 = 3;
constexpr int kInt32 = 6;

TEST(ImportQuantize, RoundsTiesToEvenAndSaturates) {
  const auto results = computed({onnx_node("QuantizeLinear", {"x", "s", "z"}, {"y0"}),
                                 onnx_node("DequantizeLinear", {"y0", "s", "z"}, {"y1"})},
                                {onnx_raw_tensor("x", {6}, {1, 3, -1, 1000, -1000, 0}),
                                 onnx_raw_tensor("s", {}, {2}), integers("z", {}, {10}, kUint8)},
                                {kUint8, 1});
  EXPECT_EQ(results[0], (Numbers{10, 12, 10, 255, 0, 10}));  // 0.5, 1.5, -0.5
  EXPECT_EQ(results[1], (Numbers{0, 4, 0, 490, -20, 0}));
}

TEST(ImportQuantize, HasAScaleForEachPlaceOfAnAxis) {
  const auto results = computed(
      {onnx_node("DequantizeLinear", {"q", "s", "z"}, {"y0"}, "", {integer_attribute("axis", 0)})},
      {integers("q", {2, 2}, {1, 2, 3, 4}, kInt8), onnx_raw_tensor("s", {2}, {1, 10}),
       integers("z", {2}, {0, 1}, kInt8)});
  EXPECT_EQ(results[0], (Numbers{1, 2, 20, 30}));
}

TEST(ImportQuantize, TakesTheRangeOfTheNumbersAndZero) {
  const auto results =
      computed({onnx_node("DynamicQuantizeLinear", {"x"}, {"y0", "y1", "y2"}),
                onnx_node("DynamicQuantizeLinear", {"none"}, {"y3", "y4", "y5"})},
               {onnx_raw_tensor("x", {3}, {-1, 0, 1.55F}), onnx_raw_tensor("none", {2}, {0, 0})},
               {kUint8, 1, kUint8, kUint8, 1, kUint8});
  EXPECT_EQ(results[0], (Numbers{0, 100, 255}));
  EXPECT_FLOAT_EQ(results[1].at(0), 0.01F);
  EXPECT_EQ(results[2], Numbers{100});
  EXPECT_EQ(results[3], (Numbers{0, 0}));
  EXPECT_EQ(results[4], Numbers{1});
  EXPECT_EQ(results[5], Numbers{0});
}

// (1 2; 3 4) - 1 times (5 6; 7 8) - (5 0), of which each column has its own zero point.
TEST(ImportQuantize, MultipliesIntegersLessTheirZeroPoints) {
  const auto results = computed(
      {onnx_node("MatMulInteger", {"a", "b", "az", "bz"}, {"y0"})},
      {integers("a", {2, 2}, {1, 2, 3, 4}, kUint8), integers("b", {2, 2}, {5, 6, 7, 8}, kInt8),
       integers("az", {}, {1}, kUint8), integers("bz", {2}, {5, 0}, kInt8)},
      {kInt32});
  EXPECT_EQ(results[0], (Numbers{2, 8, 6, 36}));
}

// What lies around an image is its zero point, which counts as nothing.
TEST(ImportQuantize, ConvolvesIntegersLessTheirZeroPoints) {
  const auto results = computed(
      {onnx_node("ConvInteger", {"x", "w", "z"}, {"y0"}, "", {integers_attribute("pads", {1, 1})}),
       onnx_node("QLinearConv", {"x", "half", "z", "w", "two", "none", "half", "ten", "bias"},
                 {"y1"}, "", {integers_attribute("pads", {1, 1})})},
      {integers("x", {1, 1, 3}, {3, 4, 5}, kUint8), integers("w", {1, 1, 3}, {1, 1, 1}, kInt8),
       integers("z", {}, {2}, kUint8), integers("none", {}, {0}, kInt8),
       integers("ten", {}, {10}, kUint8), integers("bias", {1}, {1}, kInt32),
       onnx_raw_tensor("half", {}, {0.5F}), onnx_raw_tensor("two", {}, {2})},
      {kInt32, kUint8});
  EXPECT_EQ(results[0], (Numbers{3, 6, 5}));
  EXPECT_EQ(results[1], (Numbers{18, 24, 22}));  // twice the sums and the bias, from 10 on
}

}  // namespace
}  // namespace lasso::onnx
