#include "models/onnx/import/integers.h"

#include <gtest/gtest.h>

#include <limits>

namespace lasso::onnx {
namespace {

using graph::Dim;

const Dim kN = Dim::symbol("n");

Dim one(const std::optional<Integers>& result) { return result->values.at(0); }

TEST(Integers, BroadcastAsNumpy) {
  const Integers column{{2, 1}, {Dim(10), Dim(20)}};
  const Integers row{{3}, {Dim(1), Dim(2), Dim(3)}};
  const auto sum = combine("Add", column, row);
  ASSERT_TRUE(sum.has_value());
  EXPECT_EQ(sum->dims, (Dims{2, 3}));
  EXPECT_EQ(sum->numbers(), (std::vector<std::int64_t>{11, 12, 13, 21, 22, 23}));
  EXPECT_FALSE(combine("Add", row, Integers{{2}, {Dim(1), Dim(2)}}).has_value());
  EXPECT_EQ(combine("Add", Integers{{0}, {}}, row), std::nullopt);
  EXPECT_EQ(combine("Add", Integers{{0}, {}}, scalar_integer(1))->dims, (Dims{0}));
}

TEST(Integers, OfNumbersDivideAsOnnx) {
  const auto of = [](const char* op, std::int64_t a, std::int64_t b) {
    return one(combine(op, scalar_integer(a), scalar_integer(b))).constant();
  };
  EXPECT_EQ(of("Div", -7, 2), -3);
  EXPECT_EQ(of("Mod", -7, 2), 1);
  EXPECT_EQ(of("Mod", 7, -2), -1);
  EXPECT_EQ(of("Mod", 6, -1), 0);
  EXPECT_EQ(of("Pow", 2, 10), 1024);
  EXPECT_EQ(of("Max", 3, -4), 3);
  EXPECT_EQ(of("Less", 3, 4), 1);
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  for (const char* op : {"Div", "Mod"}) {
    EXPECT_FALSE(combine(op, scalar_integer(1), scalar_integer(0)).has_value());
  }
  EXPECT_FALSE(combine("Div", scalar_integer(kLeast), scalar_integer(-1)).has_value());
  EXPECT_FALSE(combine("Pow", scalar_integer(10), scalar_integer(64)).has_value()) << "overflow";
  EXPECT_FALSE(combine("BitShift", scalar_integer(1), scalar_integer(1)).has_value());
}

TEST(Integers, OfSizesStayPolynomials) {
  const auto of = [](const char* op, const Dim& a, const Dim& b) {
    return combine(op, scalar_integer(a), scalar_integer(b));
  };
  EXPECT_EQ(one(of("Div", kN * 6, 3)), kN * 2);
  EXPECT_EQ(one(of("Div", (kN + 5) * 256, kN + 5)), Dim(256));
  EXPECT_EQ(one(of("Div", kN, 2)), kN.floor_divided_by(2));
  EXPECT_EQ(one(of("Div", Dim(0) - kN, 2)), Dim(0) - kN.floor_divided_by(2)) << "towards zero";
  EXPECT_EQ(one(of("Mod", kN * 4 + 1, 4)), Dim(1));
  EXPECT_EQ(one(of("Equal", kN + 1, kN)), Dim(0));
  EXPECT_EQ(one(of("Max", kN + 1, kN)), kN + 1);
  EXPECT_FALSE(of("Equal", kN, 1).has_value());
  EXPECT_FALSE(of("Div", 6, kN).has_value());
}

}  // namespace
}  // namespace lasso::onnx
