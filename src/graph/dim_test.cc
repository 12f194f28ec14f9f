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
