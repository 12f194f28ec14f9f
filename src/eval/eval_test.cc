// Statistics, seeds and the baseline of evaluation.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "eval/draw_prompts.h"
#include "eval/flood_fill.h"
#include "eval/iou_statistics.h"
#include "support/mask_picture.h"

namespace lasso {
namespace {

using test::mask_picture;

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
  const Mask empty = mask_picture({"...", "..."});
  EXPECT_EQ(mask_iou(empty, empty), 1.0);
  EXPECT_EQ(mask_iou(empty, mask_picture({"#..", "..."})), 0.0);
}

TEST(Random, SeedsDependOnSeedAndName) {
  const std::set<std::uint64_t> seeds = {seed_for(1, "a.jpg"), seed_for(1, "b.jpg"),
                                         seed_for(2, "a.jpg"), seed_for(1, "")};
  EXPECT_EQ(seeds.size(), 4U);
  EXPECT_EQ(seed_for(7, "x"), seed_for(7, "x"));
  // What they are for ever: reports name the seed.
  EXPECT_EQ(seed_for(1, "a.jpg"), 0x23c6ef2b11755b52U);
  EXPECT_EQ(seed_for(7, "b.png/3"), 0x901c92067aa76467U);
}

TEST(FloodFill, FollowsSimilarNeighbours) {
  Image image;
  image.width = 5;
  image.height = 2;
  const std::vector<int> values = {10, 14, 40, 12, 10, 10, 15, 15, 40, 10};
  for (const int value : values) {
    for (int c = 0; c < 3; ++c) image.pixels.push_back(static_cast<std::uint8_t>(value));
  }
  EXPECT_EQ(flood_fill(image, {0, 0}, 4).data, mask_picture({"##...", "#...."}).data);
  EXPECT_EQ(flood_fill(image, {0, 0}, 5).data, mask_picture({"##...", "###.."}).data);
  EXPECT_EQ(flood_fill(image, {0, 0}, 255).data, mask_picture({"#####", "#####"}).data);
  image.pixels[4] = 200;  // one channel of one pixel
  EXPECT_EQ(flood_fill(image, {0, 0}, 5).data, mask_picture({"#....", "###.."}).data);
}

}  // namespace
}  // namespace lasso
