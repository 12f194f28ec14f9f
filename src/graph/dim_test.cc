#include "graph/dim.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/dim_json.h"
#include "graph/profile.h"
#include "lasso/error.h"

namespace lasso::graph {
namespace {

const Dim kPoints = Dim::symbol("points");
const Dim kPrompts = Dim::symbol("prompts");

TEST(Dim, NamesItsSymbols) {
  const Dim a = Dim::symbol("a");
  const Dim size = a * Dim::symbol("b") + (Dim::symbol("c") + 1).floor_divided_by(2) - a + 5;
  EXPECT_EQ(size.symbols(), (std::set<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(Dim(7).symbols().empty());
}

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

TEST(Dim, DividesByPolynomials) {
  const Dim both = (kPoints + 5) * kPrompts * 4;
  EXPECT_EQ(both.divided_by(kPoints + 5), kPrompts * 4);
  EXPECT_EQ(both.divided_by(kPrompts * 2), kPoints * 2 + 10);
  EXPECT_EQ((kPoints * kPoints - 1).divided_by(kPoints - 1), kPoints + 1);
  EXPECT_EQ(Dim(0).divided_by(kPoints), Dim(0));
  EXPECT_FALSE(both.divided_by(kPoints + 4).has_value());
  EXPECT_FALSE(both.divided_by(kPrompts * 3).has_value());
  EXPECT_FALSE(both.divided_by(Dim(0)).has_value());
}

TEST(Dim, TakesAnotherSizeForASymbol) {
  const Dim dim = (kPoints + 5) * kPrompts + (kPoints * kPrompts + 1).floor_divided_by(2);
  EXPECT_EQ(dim.with("points", 3), kPrompts * 8 + (kPrompts * 3 + 1).floor_divided_by(2));
  EXPECT_EQ(dim.with("points", 3).with("prompts", 2), Dim(19));
  EXPECT_EQ(dim.with("other", 3), dim);
  EXPECT_TRUE(dim.has_symbol("prompts"));
  EXPECT_TRUE(kPoints.floor_divided_by(2).has_symbol("points"));
  EXPECT_FALSE(dim.has_symbol("other"));
}

const Dim kHeight = Dim::symbol("height");

// The size of what a convolution makes of an image's side.
Dim convolved(const Dim& side, std::int64_t kernel, std::int64_t padding, std::int64_t stride) {
  return (side + (2 * padding - kernel)).floor_divided_by(stride) + 1;
}

TEST(FloorDivision, IsThatOfIntegers) {
  for (std::int64_t a = -3; a <= 3; ++a) {
    for (std::int64_t c = -7; c <= 7; ++c) {
      for (std::int64_t divisor = 1; divisor <= 6; ++divisor) {
        const Dim dim = (kHeight * a + c).floor_divided_by(divisor);
        for (std::int64_t height = 0; height < 9; ++height) {
          const double exact = static_cast<double>(a * height + c) / static_cast<double>(divisor);
          ASSERT_EQ(dim.evaluate({{"height", height}}), std::floor(exact)) << to_string(dim);
        }
      }
    }
  }
  EXPECT_EQ(Dim(-7).floor_divided_by(2), Dim(-4));
  EXPECT_THROW(kHeight.floor_divided_by(0), Error);
}

TEST(FloorDivision, HasANormalForm) {
  EXPECT_EQ((kHeight * 4 + 6).floor_divided_by(2), kHeight * 2 + 3);
  EXPECT_EQ((kHeight - 1).floor_divided_by(2), (kHeight + 1).floor_divided_by(2) - 1);
  EXPECT_EQ((kHeight * 2 + 3).floor_divided_by(4), (kHeight + 1).floor_divided_by(2));
  EXPECT_EQ((kHeight * kPoints + 2).floor_divided_by(2),
            (kPoints * kHeight).floor_divided_by(2) + 1);
  EXPECT_EQ(kHeight.floor_divided_by(2).floor_divided_by(3), kHeight.floor_divided_by(6));
  // Two convolutions of stride 2 that halve, against one of stride 4.
  EXPECT_EQ(convolved(convolved(kHeight, 2, 0, 2), 2, 0, 2), convolved(kHeight, 4, 0, 4));
  EXPECT_EQ(convolved(convolved(kHeight, 3, 1, 2), 3, 1, 2), (kHeight + 3).floor_divided_by(4));
  EXPECT_NE(kHeight.floor_divided_by(2), kHeight.floor_divided_by(3));
  EXPECT_FALSE(kHeight.floor_divided_by(2).as_symbol().has_value());
  EXPECT_FALSE(kHeight.floor_divided_by(2).is_constant());
}

TEST(FloorDivision, IsAFactorLikeASymbol) {
  const Dim half = kHeight.floor_divided_by(2);
  EXPECT_EQ((half + 1) * (half - 1), half * half - 1);
  EXPECT_EQ((half * 3).evaluate({{"height", 7}}), 9);
  EXPECT_EQ((half * kPoints * 2).divided_by(2), half * kPoints);
  EXPECT_THROW(half.evaluate({{"points", 1}}), Error);
}

TEST(FloorDivision, Prints) {
  EXPECT_EQ(to_string(kHeight.floor_divided_by(2)), "floor(height/2)");
  EXPECT_EQ(to_string((kHeight - 1).floor_divided_by(2) * kPoints),
            "points*floor((height + 1)/2) - points");
}

TEST(FloorDivision, RefusesDepthWithoutEnd) {
  Dim dim = kHeight;
  EXPECT_EQ(dim.depth(), 0);
  const auto deeper = [&] { return (dim * kPoints + dim).floor_divided_by(3); };
  dim = deeper();
  EXPECT_EQ(dim.depth(), 1);
  dim = deeper();
  EXPECT_EQ(dim.depth(), 2);
  EXPECT_THROW(deeper(), Error);
}

TEST(FloorDivision, GrowsWhereItsFormShowsIt) {
  const Bindings ones{{"height", 1}, {"points", 1}};
  EXPECT_TRUE(convolved(kHeight, 3, 1, 2).grows_from(ones));
  EXPECT_TRUE((kPoints * kHeight.floor_divided_by(2)).grows_from(ones));
  EXPECT_FALSE((Dim(9) - kHeight.floor_divided_by(2)).grows_from(ones));
  EXPECT_FALSE((Dim(9) - kHeight).floor_divided_by(2).grows_from(ones));
  // Growth that takes more than the signs of terms to see is not seen.
  EXPECT_FALSE(((kHeight - 5).floor_divided_by(2) * kPoints).grows_from(ones));
  // A factor that may be negative: -2 floor(...) would shrink as points grow.
  EXPECT_FALSE(((kHeight - 5) * kPoints).floor_divided_by(2).grows_from(ones));
}

Dim through_json(const Dim& dim) {
  Dim again;
  read_value(parse_json(write_value(dim).dump(), "test"), again, "test");
  return again;
}

TEST(DimJson, KeepsDimensions) {
  const Dim half = (kHeight + 1).floor_divided_by(2);
  for (const Dim& dim : {Dim(0), Dim(-3), kPoints, kPoints * 4096 + 5, half,
                         half * kPoints * 2 - half + 7, (half * 2 + kPoints).floor_divided_by(3)}) {
    EXPECT_EQ(through_json(dim), dim) << to_string(dim);
  }
  EXPECT_EQ(write_value(kPoints + 5).dump(), R"([[5],[1,"points"]])");
  EXPECT_EQ(write_value(half).dump(), R"([[1,[[[1],[1,"height"]],2]]])");
}

TEST(DimJson, RefusesWhatNoModelHas) {
  const auto read = [](const char* text) {
    Dim dim;
    read_value(Json::parse(text), dim, "test");
    return dim;
  };
  EXPECT_EQ(read(R"([[1,[[[1,"h"]],2]]])"), Dim::symbol("h").floor_divided_by(2));
  for (const char* text : {
           R"([[1,[[[1,"h"]],0]]])",                                          // divided by 0
           R"([[1,[[[1,"h"]],-2]]])",                                         // or less
           R"([[1,[[[1,"h"]],4294967296]]])",                                 // or by too much
           R"([[1,[[[1,"h"]]]]])",                                            // by nothing
           R"([[1,[[[1,"h"]],2,2]]])",                                        // twice
           R"([[1,[]]])",                                                     // nothing
           R"([[1,{"h":2}]])",                                                // another type
           R"([[1,[[[1,[[[1,[[[1,"h"],[1]],2]],[1,"g"]],2]],[1,"g"]],2]]])",  // three deep
           R"([[1,"a"],[1,"b"],[1,"c"],[1,"d"],[1,"e"],[1,"f"],[1,"g"],[1,"h"],[1,"i"]])",
           R"([[9007199254740992,"h"]])",
       }) {
    EXPECT_THROW(read(text), Error) << text;
  }
}

TEST(Dim, TellsSymbolsFromExpressions) {
  EXPECT_EQ(kPoints.as_symbol(), "points");
  EXPECT_FALSE((kPoints + 1).as_symbol().has_value());
  EXPECT_FALSE((kPoints * 2).as_symbol().has_value());
  EXPECT_FALSE(Dim(1).as_symbol().has_value());
}

// Of the box that a profile is, a bound that may be too low, and never too high.
TEST(Dim, LeastValuesOfProfiles) {
  const Profile profile{{"height", {2, 3, 8}}, {"points", {1, 1, 5}}};
  const auto least = [&](const Dim& dim) { return least_value(dim, profile); };
  EXPECT_EQ(least(Dim(9) - kHeight), 1);
  EXPECT_EQ(least(kHeight - kPoints), -3);
  EXPECT_EQ(least(kHeight * kPoints + 1), 3);
  EXPECT_EQ(least(Dim(5) - kHeight.floor_divided_by(2)), 1);
  EXPECT_EQ(least((kHeight - 5).floor_divided_by(2)), -2);
  // Without a profile, products are beyond 64 bits.
  const Dim open = Dim::symbol("a") * Dim::symbol("b") * Dim::symbol("c");
  EXPECT_EQ(least(open), 1);
  EXPECT_EQ(least(Dim(7) - open), std::nullopt);
}

}  // namespace
}  // namespace lasso::graph
