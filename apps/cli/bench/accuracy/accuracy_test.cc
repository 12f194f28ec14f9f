// Statistics, clicks and texts of `lasso bench accuracy`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/report/markup.h"
#include "eval/clicks.h"
#include "eval/iou_statistics.h"
#include "eval/random.h"

namespace lasso::app {
namespace {

// '#' is inside.
Mask picture(const std::vector<std::string>& rows) {
  Mask mask;
  mask.height = static_cast<int>(rows.size());
  mask.width = static_cast<int>(rows.front().size());
  for (const std::string& row : rows) {
    for (const char c : row) mask.data.push_back(c == '#' ? 1 : 0);
  }
  return mask;
}

void expect_point(const Point& point, float x, float y, PointLabel label) {
  EXPECT_EQ(point.x, x);
  EXPECT_EQ(point.y, y);
  EXPECT_EQ(point.label, label);
}

TEST(Statistics, PercentileIsANearestRank) {
  std::vector<double> values;
  for (int i = 200; i > 0; --i) values.push_back(i);
  EXPECT_EQ(percentile(values, 1), 2);
  EXPECT_EQ(percentile(values, 50), 100);
  EXPECT_EQ(percentile(values, 100), 200);
  EXPECT_EQ(percentile(values, 0), 1);
  values.resize(100);  // 200 to 101
  EXPECT_EQ(percentile(values, 1), 101);
  EXPECT_EQ(percentile({0.25}, 1), 0.25);
  values.assign(101, 1.0);
  values[50] = 0.5;
  EXPECT_EQ(percentile(values, 1), 1.0);  // rank 2 of 101
}

TEST(Statistics, OfIous) {
  const IouStatistics statistics = summarize_ious({0.5, 0.25, 1.0, 0.25});
  EXPECT_EQ(statistics.count, 4U);
  EXPECT_EQ(statistics.minimum, 0.25);
  EXPECT_EQ(statistics.worst, 1U);
  EXPECT_EQ(statistics.percentile_1, 0.25);
  EXPECT_EQ(statistics.mean, 0.5);
  EXPECT_EQ(summarize_ious({}).count, 0U);
}

TEST(Statistics, TwoEmptyMasksAgree) {
  const Mask empty = picture({"...", "..."});
  EXPECT_EQ(mask_iou(empty, empty), 1.0);
  EXPECT_EQ(mask_iou(empty, picture({"#..", "..."})), 0.0);
}

TEST(Random, SeedsDependOnSeedAndName) {
  const std::set<std::uint64_t> seeds = {seed_for(1, "a.jpg"), seed_for(1, "b.jpg"),
                                         seed_for(2, "a.jpg"), seed_for(1, "")};
  EXPECT_EQ(seeds.size(), 4U);
  EXPECT_EQ(seed_for(7, "x"), seed_for(7, "x"));
}

TEST(InnerPoints, LieDeepInTheMaskWhereTheyCan) {
  const Mask mask = picture({".........",  //
                             ".#######.",  //
                             ".#######.",  //
                             ".#######.",  //
                             ".#######.",  //
                             ".######..",  //
                             "........."});
  SplitMix64 random(1);
  const auto points = inner_points(mask, 10, &random);
  ASSERT_EQ(points.size(), 2U);  // all there are: (3, 3) and (4, 3)
  for (const Point& point : points) {
    EXPECT_EQ(point.y, 3);
    EXPECT_TRUE(point.x == 3 || point.x == 4);
    EXPECT_EQ(point.label, PointLabel::kForeground);
  }
  EXPECT_NE(points[0].x, points[1].x);
}

TEST(InnerPoints, TakeShallowPixelsOfThinMasks) {
  SplitMix64 random(1);
  auto points = inner_points(picture({"###..", "###..", "###.."}), 5, &random);
  ASSERT_EQ(points.size(), 1U);
  expect_point(points[0], 1, 1, PointLabel::kForeground);
  points = inner_points(picture({"..#", "...", "#.."}), 5, &random);
  EXPECT_EQ(points.size(), 2U);
  EXPECT_TRUE(inner_points(picture({"..", ".."}), 5, &random).empty());
}

TEST(InnerPoints, AreTheSameForTheSameSeed) {
  Mask mask{40, 30, std::vector<std::uint8_t>(1200, 1)};
  SplitMix64 one(5);
  SplitMix64 two(5);
  SplitMix64 other(6);
  const auto a = inner_points(mask, 5, &one);
  const auto b = inner_points(mask, 5, &two);
  const auto c = inner_points(mask, 5, &other);
  const auto equal = [](const Point& p, const Point& q) { return p.x == q.x && p.y == q.y; };
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end(), equal));
  EXPECT_FALSE(std::equal(a.begin(), a.end(), c.begin(), c.end(), equal));
}

TEST(ImagePoints, LieStrictlyInside) {
  SplitMix64 random(3);
  std::set<std::pair<float, float>> seen;
  for (const Point& point : image_points(4, 5, 2000, &random)) {
    EXPECT_GT(point.x, 0);
    EXPECT_LT(point.x, 3);
    EXPECT_GT(point.y, 0);
    EXPECT_LT(point.y, 4);
    seen.insert({point.x, point.y});
  }
  EXPECT_EQ(seen.size(), 6U);
  for (const Point& point : image_points(1, 2, 20, &random)) {
    EXPECT_EQ(point.x, 0);
    EXPECT_LE(point.y, 1);
  }
}

std::size_t index(const Mask& mask, int x, int y) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(mask.width) +
         static_cast<std::size_t>(x);
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
  for (int round = 0; round < 60; ++round) {
    Mask mask;
    mask.width = 1 + random.below(24);
    mask.height = 1 + random.below(24);
    const int holes = random.below(6);  // few, so that distances are long and slanted
    mask.data.assign(index(mask, 0, mask.height), 1);
    for (int i = 0; i < holes; ++i) {
      mask.data[index(mask, random.below(mask.width), random.below(mask.height))] = 0;
    }
    EXPECT_EQ(squared_distances(mask), slow_distances(mask)) << round;
  }
}

TEST(NextClick, GoesToTheCentreOfWhatIsMissing) {
  const Mask truth = picture({"..........",  //
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
  const Mask truth = picture({"......",  //
                              "##....",  //
                              "##....",  //
                              "......"});
  const Mask mask = picture({"...###",  //
                             ".#.###",  //
                             ".#.###",  //
                             "......"});
  expect_point(next_click(mask, truth), 4, 1, PointLabel::kBackground);
}

TEST(NextClick, TakesDiagonalNeighboursForOneRegionAndMissingPixelsFirst) {
  const Mask truth = picture({"#.....",  //
                              ".#....",  //
                              "......"});
  const Mask mask = picture({"...##.",  //
                             "......",  //
                             "......"});
  expect_point(next_click(mask, truth), 0, 0, PointLabel::kForeground);
}

TEST(NextClick, WhereNothingIsWrong) {
  const Mask truth = picture({".....",  //
                              ".###.",  //
                              ".###.",  //
                              ".###.",  //
                              "....."});
  expect_point(next_click(truth, truth), 2, 2, PointLabel::kForeground);
}

TEST(FloodFill, FollowsSimilarNeighbours) {
  Image image;
  image.width = 5;
  image.height = 2;
  const std::vector<int> values = {10, 14, 40, 12, 10, 10, 15, 15, 40, 10};
  for (const int value : values) {
    for (int c = 0; c < 3; ++c) image.pixels.push_back(static_cast<std::uint8_t>(value));
  }
  EXPECT_EQ(flood_fill(image, {0, 0}, 4).data, picture({"##...", "#...."}).data);
  EXPECT_EQ(flood_fill(image, {0, 0}, 5).data, picture({"##...", "###.."}).data);
  EXPECT_EQ(flood_fill(image, {0, 0}, 255).data, picture({"#####", "#####"}).data);
  image.pixels[4] = 200;  // one channel of one pixel
  EXPECT_EQ(flood_fill(image, {0, 0}, 5).data, picture({"#....", "###.."}).data);
}

TEST(TruthBox, RunsThroughTheOuterPixels) {
  const Box box = truth_box(picture({".....", ".###.", ".###."}));
  EXPECT_EQ(std::vector<float>({box.x0, box.y0, box.x1, box.y1}), std::vector<float>({1, 1, 3, 2}));
  const Box pixel = truth_box(picture({"...", "..#"}));
  EXPECT_EQ(std::vector<float>({pixel.x0, pixel.y0, pixel.x1, pixel.y1}),
            std::vector<float>({2, 1, 3, 2}));
}

TEST(Markup, Html) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'\x01"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\xef\xbf\xbd");
  EXPECT_EQ(escape_html("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Markup, Csv) {
  EXPECT_EQ(csv_line({"a", "b,c", "say \"x\"", "", "d\ne"}),
            "a,\"b,c\",\"say \"\"x\"\"\",,\"d\ne\"\n");
}

TEST(Markup, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace lasso::app
