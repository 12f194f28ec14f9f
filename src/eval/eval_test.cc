// Statistics, seeds and the baseline of evaluation.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eval/accuracy_results.h"
#include "eval/draw_prompts.h"
#include "eval/evaluation_set.h"
#include "eval/flood_fill.h"
#include "eval/iou_statistics.h"
#include "lasso/mask.h"
#include "support/errors.h"
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

// A reference and one candidate; none: both masks are empty.
PromptResult compared(std::optional<double> iou) {
  PromptResult prompt;
  prompt.sides.resize(2);
  prompt.sides[1].with_reference = iou;
  prompt.sides[1].both_empty = !iou;
  return prompt;
}

TEST(AccuracyResults, CountEmptyPairsApart) {
  AccuracyResults results;
  results.sides.resize(2);
  results.sides[0].is_reference = true;
  results.images.push_back({"a", 2, 2, {compared(std::nullopt), compared(std::nullopt)}});
  EXPECT_FALSE(results.has_evidence());
  SideSummary summary = results.summarize(1);
  EXPECT_EQ(summary.reference.count, 0U);
  EXPECT_EQ(summary.empty_pairs, 2U);
  EXPECT_EQ(lowest_iou(results.images[0].prompts[0]), std::nullopt);
  EXPECT_EQ(worst_prompt(results.images[0]), 0U);

  results.images.push_back({"b", 2, 2, {compared(std::nullopt), compared(1.0), compared(0.5)}});
  EXPECT_TRUE(results.has_evidence());
  summary = results.summarize(1);
  EXPECT_EQ(summary.reference.count, 2U);
  EXPECT_EQ(summary.empty_pairs, 3U);
  EXPECT_EQ(summary.reference.mean, 0.75);
  EXPECT_EQ(summary.reference.minimum, 0.5);
  EXPECT_EQ(summary.worst_image, "b");
  EXPECT_EQ(summary.worst_prompt, 2U);
  EXPECT_EQ(worst_prompt(results.images[1]), 2U);
  EXPECT_EQ(lowest_iou(results.images[1].prompts[2]), 0.5);
  EXPECT_EQ(results.summarize(0).empty_pairs, 0U);
}

TEST(AccuracyResults, TheTruthStandsInForEmptyPairs) {
  PromptResult prompt = compared(std::nullopt);
  prompt.sides[1].with_truth = 0;  // of an object that neither finds
  EXPECT_EQ(lowest_iou(prompt), 0);
  EXPECT_TRUE(is_worse(prompt, compared(0.5)));
  EXPECT_TRUE(is_worse(compared(1.0), compared(std::nullopt)));
  EXPECT_FALSE(is_worse(compared(std::nullopt), compared(1.0)));
  EXPECT_FALSE(is_worse(compared(std::nullopt), compared(std::nullopt)));
}

TEST(DrawPrompts, NoTrueMaskIsEmpty) {
  const std::string empty = rle_to_string(encode_rle(mask_picture({"...", "..."})));
  AccuracyImage image;
  image.path = "a.png";
  image.width = 3;
  image.height = 2;
  TruthObject object;
  object.id = 7;
  object.rle = empty;
  image.objects = {object};
  EXPECT_ERROR(prompts_for(image, 3, 2, {}), ErrorCode::kCorruptFile,
               "a.png: object 7: its mask is empty");
  // Prompts of a dump name the objects of their own.
  image.objects.clear();
  AccuracyPrompt prompt;
  prompt.id = 8;
  prompt.truth = empty;
  prompt.prompt.points = {{1, 1}};
  image.prompts = {prompt};
  EXPECT_ERROR(prompts_for(image, 3, 2, {}), ErrorCode::kCorruptFile,
               "a.png: object 8: its mask is empty");
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
