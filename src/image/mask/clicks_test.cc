#include "lasso/clicks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "image/mask/distance.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/mask_picture.h"

namespace lasso {
namespace {

using test::mask_picture;

void expect_point(const Point& point, float x, float y, PointLabel label) {
  EXPECT_EQ(point.x, x);
  EXPECT_EQ(point.y, y);
  EXPECT_EQ(point.label, label);
}

std::size_t index(const Mask& mask, int x, int y) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(mask.width) +
         static_cast<std::size_t>(x);
}

using Pairs = std::vector<std::pair<float, float>>;

Pairs pairs(const std::vector<Point>& points) {
  Pairs result;
  for (const Point& point : points) result.emplace_back(point.x, point.y);
  return result;
}

TEST(RandomClicks, LieDeepInTheMaskWhereTheyCan) {
  const Mask mask = mask_picture({".........",  //
                                  ".#######.",  //
                                  ".#######.",  //
                                  ".#######.",  //
                                  ".#######.",  //
                                  ".######..",  //
                                  "........."});
  std::uint64_t random = 1;
  const auto points = random_clicks(mask, 10, &random);
  ASSERT_EQ(points.size(), 2U);  // all there are: (3, 3) and (4, 3)
  for (const Point& point : points) {
    EXPECT_EQ(point.y, 3);
    EXPECT_TRUE(point.x == 3 || point.x == 4);
    EXPECT_EQ(point.label, PointLabel::kForeground);
  }
  EXPECT_NE(points[0].x, points[1].x);
}

TEST(RandomClicks, TakeShallowPixelsOfThinMasks) {
  std::uint64_t random = 1;
  auto points = random_clicks(mask_picture({"###..", "###..", "###.."}), 5, &random);
  ASSERT_EQ(points.size(), 1U);
  expect_point(points[0], 1, 1, PointLabel::kForeground);
  points = random_clicks(mask_picture({"..#", "...", "#.."}), 5, &random);
  EXPECT_EQ(points.size(), 2U);
  EXPECT_TRUE(random_clicks(mask_picture({"..", ".."}), 5, &random).empty());
}

TEST(RandomClicks, AreTheSameForTheSameSeed) {
  Mask mask{40, 30, std::vector<std::uint8_t>(1200, 1)};
  std::uint64_t one = 5;
  std::uint64_t two = 5;
  std::uint64_t other = 6;
  const auto a = random_clicks(mask, 5, &one);
  const auto b = random_clicks(mask, 5, &two);
  const auto c = random_clicks(mask, 5, &other);
  const auto equal = [](const Point& p, const Point& q) { return p.x == q.x && p.y == q.y; };
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end(), equal));
  EXPECT_FALSE(std::equal(a.begin(), a.end(), c.begin(), c.end(), equal));
}

// The draws of this seed in every release: prompts that were saved or reported stay what they were.
TEST(RandomClicks, AreTheSameForEver) {
  Mask mask{60, 40, std::vector<std::uint8_t>(2400, 0)};
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const bool in_disc = (x - 20) * (x - 20) + (y - 18) * (y - 18) < 150;
      const bool in_bar = x > 30 && x < 57 && y > 25 && y < 30;
      mask.data[index(mask, x, y)] = in_disc || in_bar ? 1 : 0;
    }
  }
  std::uint64_t state = 42;
  EXPECT_EQ(pairs(random_clicks(mask, 5, &state)),
            (Pairs{{25, 24}, {18, 16}, {24, 12}, {19, 26}, {15, 22}}));
  EXPECT_EQ(pairs(random_clicks(mask, 3, &state)), (Pairs{{23, 12}, {11, 21}, {22, 23}}));
  const Mask thin = mask_picture({"###..#..#",  //
                                  ".##.##.##"});
  EXPECT_EQ(pairs(random_clicks(thin, 4, &state)), (Pairs{{8, 1}, {8, 0}, {5, 1}, {2, 1}}));
  EXPECT_EQ(pairs(random_points(640, 480, 4, &state)),
            (Pairs{{339, 186}, {495, 249}, {596, 196}, {38, 87}}));
  EXPECT_EQ(SplitMix64(state).next(), 0xf513444b6455a3e8U);
}

TEST(RandomPoints, LieStrictlyInside) {
  std::uint64_t random = 3;
  std::set<std::pair<float, float>> seen;
  for (const Point& point : random_points(4, 5, 2000, &random)) {
    EXPECT_GT(point.x, 0);
    EXPECT_LT(point.x, 3);
    EXPECT_GT(point.y, 0);
    EXPECT_LT(point.y, 4);
    seen.insert({point.x, point.y});
  }
  EXPECT_EQ(seen.size(), 6U);
  for (const Point& point : random_points(1, 2, 20, &random)) {
    EXPECT_EQ(point.x, 0);
    EXPECT_LE(point.y, 1);
  }
}

TEST(RandomClicks, LieInsideOfTheMaskAsFarAsItIsThick) {
  // Rows 2 to 8 of 6 to 14, and a pixel by itself.
  Mask mask{20, 12, std::vector<std::uint8_t>(240, 0)};
  for (std::size_t y = 2; y <= 8; ++y) {
    for (std::size_t x = 6; x <= 14; ++x) mask.data[y * 20 + x] = 1;
  }
  mask.data[11 * 20] = 1;
  std::uint64_t random = 1;
  const std::vector<Point> points = random_clicks(mask, 100, &random);
  std::set<std::pair<float, float>> different;
  for (const Point& point : points) {
    EXPECT_TRUE(point.x >= 8 && point.x <= 12 && point.y >= 4 && point.y <= 6);
    EXPECT_EQ(point.label, PointLabel::kForeground);
    different.emplace(point.x, point.y);
  }
  EXPECT_EQ(different.size(), 15U);
  EXPECT_EQ(random_clicks(mask, 4, &random).size(), 4U);
  const Mask thin{3, 1, {0, 1, 0}};
  EXPECT_EQ(random_clicks(thin, 2, &random).size(), 1U);
  EXPECT_TRUE(random_clicks({3, 1, {0, 0, 0}}, 2, &random).empty());
}

// The definition, pixel by pixel, the frame included.
std::vector<std::int64_t> slow_distances(const Mask& mask) {
  std::vector<std::int64_t> result(mask.data.size(), 0);
  const auto at = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < mask.width && y < mask.height &&
           mask.data[index(mask, x, y)] != 0;
  };
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      if (!at(x, y)) continue;
      std::int64_t best = 1 << 30;
      for (int v = -1; v <= mask.height; ++v) {
        for (int u = -1; u <= mask.width; ++u) {
          if (!at(u, v)) best = std::min<std::int64_t>(best, (u - x) * (u - x) + (v - y) * (v - y));
        }
      }
      result[index(mask, x, y)] = best;
    }
  }
  return result;
}

TEST(Distances, AreExact) {
  SplitMix64 random(11);
  const auto below = [&](int limit) {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(limit)));
  };
  for (int round = 0; round < 60; ++round) {
    Mask mask;
    mask.width = below(24) + 1;
    mask.height = below(24) + 1;
    const int holes = below(6);  // few, so that distances are long and slanted
    mask.data.assign(index(mask, 0, mask.height), 1);
    for (int i = 0; i < holes; ++i) {
      mask.data[index(mask, below(mask.width), below(mask.height))] = 0;
    }
    EXPECT_EQ(squared_distances(mask), slow_distances(mask)) << round;
  }
}

TEST(NextClick, GoesToTheCentreOfWhatIsMissing) {
  const Mask truth = mask_picture({"..........",  //
                                   ".#####....",  //
                                   ".#####....",  //
                                   ".#####....",  //
                                   ".#####..##",  //
                                   ".#####..##"});
  Mask mask = truth;
  std::fill(mask.data.begin(), mask.data.end(), std::uint8_t{0});
  expect_point(next_click(mask, truth), 3, 3, PointLabel::kForeground);
}

TEST(NextClick, RemovesWhatIsTooMuch) {
  const Mask truth = mask_picture({"......",  //
                                   "##....",  //
                                   "##....",  //
                                   "......"});
  const Mask mask = mask_picture({"...###",  //
                                  ".#.###",  //
                                  ".#.###",  //
                                  "......"});
  expect_point(next_click(mask, truth), 4, 1, PointLabel::kBackground);
}

TEST(NextClick, TakesDiagonalNeighboursForOneRegionAndMissingPixelsFirst) {
  const Mask truth = mask_picture({"#.....",  //
                                   ".#....",  //
                                   "......"});
  const Mask mask = mask_picture({"...##.",  //
                                  "......",  //
                                  "......"});
  expect_point(next_click(mask, truth), 0, 0, PointLabel::kForeground);
}

TEST(NextClick, WhereNothingIsWrong) {
  const Mask truth = mask_picture({".....",  //
                                   ".###.",  //
                                   ".###.",  //
                                   ".###.",  //
                                   "....."});
  expect_point(next_click(truth, truth), 2, 2, PointLabel::kForeground);
}

TEST(PromptBox, RunsThroughTheOuterPixels) {
  const Box box = prompt_box(mask_picture({".....", ".###.", ".###."}));
  EXPECT_EQ(std::vector<float>({box.x0, box.y0, box.x1, box.y1}), std::vector<float>({1, 1, 3, 2}));
  const Box pixel = prompt_box(mask_picture({"...", "..#"}));
  EXPECT_EQ(std::vector<float>({pixel.x0, pixel.y0, pixel.x1, pixel.y1}),
            std::vector<float>({2, 1, 3, 2}));
}

TEST(Clicks, RefuseWhatHasNoAnswer) {
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  std::uint64_t state = 1;
  const Mask empty{2, 1, {0, 0}};
  const Mask broken{2, 1, {1}};
  EXPECT_ERROR(random_clicks(broken, 1, &state), kInvalid, "2");
  EXPECT_ERROR(next_click(empty, broken), kInvalid, "2");
  EXPECT_ERROR(prompt_box(broken), kInvalid, "2");
  EXPECT_ERROR(random_points(0, 3, 1, &state), kInvalid, "0 x 3 pixels");
  EXPECT_ERROR(next_click(empty, {1, 2, {1, 1}}), kInvalid, "expected one size");
  EXPECT_ERROR(next_click(empty, empty), kInvalid, "nothing to click at");
  EXPECT_ERROR(next_click({0, 0, {}}, {0, 0, {}}), kInvalid, "nothing to click at");
  EXPECT_ERROR(prompt_box(empty), kInvalid, "has no box");
  EXPECT_TRUE(random_clicks({0, 0, {}}, 3, &state).empty());
  EXPECT_TRUE(random_clicks({1, 1, {1}}, 0, &state).empty());
  EXPECT_EQ(state, 1U);
}

}  // namespace
}  // namespace lasso
