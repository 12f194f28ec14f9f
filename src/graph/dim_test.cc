#include "graph/dim.h"

#include <gtest/gtest.h>

#include "lasso/error.h"

namespace lasso::graph {
namespace {

const Dim kPoints = Dim::symbol("points");
const Dim kPrompts = Dim::symbol("prompts");

TEST(Dim, NormalFormIsUnique) {
  EXPECT_EQ((kPoints + 2) * kPrompts, kPrompts * kPoints + kPrompts * 2);
  EXPECT_EQ(kPoints - kPoints, Dim(0));
  EXPECT_EQ(to_string(kPoints * kPrompts * 3 + kPoints - 5), "3*points*prompts + points - 5");
  EXPECT_EQ(to_string(Dim(0) - kPoints), "-points");
}

TEST(Dim, Evaluates) {
  const Bindings bindings{{"points", 3}, {"prompts", 4}};
  EXPECT_EQ(((kPoints + 5) * kPrompts).evaluate(bindings), 32);
  EXPECT_EQ(Dim(7).evaluate({}), 7);
}

TEST(Dim, RefusesUnboundSymbolsAndOverflow) {
  EXPECT_THROW(kPoints.evaluate({}), Error);
  const Bindings huge{{"points", std::int64_t{1} << 40}};
  EXPECT_THROW((kPoints * kPoints).evaluate(huge), Error);
}

TEST(Dim, RefusesCoefficientsThatOverflowAndPolynomialsWithoutEnd) {
  const Dim huge = kPoints * (std::int64_t{1} << 61);
  EXPECT_EQ((huge + huge).evaluate({{"points", 1}}), std::int64_t{1} << 62);
  EXPECT_THROW(huge + huge + 1 + huge, Error);
  EXPECT_THROW(huge * 3, Error);
  Dim sum = 1;
  for (const char* name : {"a", "b", "c", "d"}) sum = sum * (Dim::symbol(name) + 1);
  EXPECT_EQ(sum.terms().size(), 16U);
  EXPECT_THROW(sum * (Dim::symbol("e") + 1), Error);
}

TEST(Dim, DividesWhereEveryTermDoes) {
  EXPECT_EQ((kPoints * 6 + 9).divided_by(3), kPoints * 2 + 3);
  EXPECT_FALSE((kPoints * 6 + 8).divided_by(3).has_value());
  EXPECT_FALSE(Dim(6).divided_by(0).has_value());
}

TEST(Dim, TellsSymbolsFromExpressions) {
  EXPECT_EQ(kPoints.as_symbol(), "points");
  EXPECT_FALSE((kPoints + 1).as_symbol().has_value());
  EXPECT_FALSE((kPoints * 2).as_symbol().has_value());
  EXPECT_FALSE(Dim(1).as_symbol().has_value());
}

}  // namespace
}  // namespace lasso::graph
