#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel_test.h"
#include "kernels/nms/nms.h"
#include "kernels/nms/nms_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::DetectionNms;
using test::run_all;
using test::values_at;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A box that is found, or expected: of one image.
struct Found {
  std::array<float, 4> corners{};
  float score = 0;
  std::int32_t label = 0;

  bool operator==(const Found&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Found& found) {
  for (const float corner : found.corners) out << corner << ' ';
  return out << "class " << found.label << ", score " << found.score << '\n';
}

using Rows = std::vector<std::vector<float>>;  // of an image

// What every kernel finds, which must be the same; for each image its boxes and how many are bad.
struct Results {
  std::vector<std::vector<Found>> found;
  std::vector<std::int32_t> bad;
};

Results results_of(const DetectionNms& op, const std::vector<Rows>& images,
                   const std::vector<std::int32_t>& wanted = {}) {
  const auto boxes = static_cast<std::int64_t>(images.at(0).size());
  const auto fields = static_cast<std::int64_t>(boxes == 0 ? 6 : images[0][0].size());
  const auto count = static_cast<std::int64_t>(images.size());
  std::vector<float> x;
  for (const Rows& rows : images) {
    for (const std::vector<float>& row : rows) x.insert(x.end(), row.begin(), row.end());
  }
  const auto problem = make_detection_nms_problem(op, {count, boxes, fields}, !wanted.empty());
  const auto n = static_cast<std::size_t>(count);
  const auto most = static_cast<std::size_t>(op.max_outputs);
  std::vector<Results> all;
  run_all(detection_nms_kernels(), problem, {x.data(), wanted.data()},
          {n, n * most * 4, n * most, n * most, n},
          [&](const std::vector<const std::byte*>& outputs) {
            Results& results = all.emplace_back();
            const auto counts = values_at<std::int32_t>(outputs[0], n);
            const auto corners = values_at<float>(outputs[1], n * most * 4);
            const auto scores = values_at<float>(outputs[2], n * most);
            const auto labels = values_at<std::int32_t>(outputs[3], n * most);
            results.bad = values_at<std::int32_t>(outputs[4], n);
            for (std::size_t i = 0; i < n * most; ++i) {
              if (i % most == 0) results.found.emplace_back();
              const Found found{
                  {corners[i * 4], corners[i * 4 + 1], corners[i * 4 + 2], corners[i * 4 + 3]},
                  scores[i],
                  labels[i]};
              if (i % most < static_cast<std::size_t>(counts[i / most])) {
                results.found.back().push_back(found);
              } else {
                EXPECT_EQ(found, Found{}) << "behind the count";
              }
            }
          });
  for (const Results& results : all) {
    EXPECT_EQ(results.found, all[0].found);
    EXPECT_EQ(results.bad, all[0].bad);
  }
  return all.at(0);
}

std::vector<Found> found_in(const DetectionNms& op, const Rows& rows,
                            const std::vector<std::int32_t>& wanted = {}) {
  const Results results = results_of(op, {rows}, wanted);
  EXPECT_EQ(results.bad, std::vector<std::int32_t>{0});
  return results.found.at(0);
}

constexpr DetectionNms kHalf{.score_threshold = 0.25F, .iou_threshold = 0.5F, .max_outputs = 10};

// The best class of each box, its score times the objectness.
TEST(DetectionNms, TakesTheBestClassOfEachBox) {
  const Rows rows{
      {10, 10, 4, 4, 0.5F, 0.5F, 0.75F},     // 0.375, class 1
      {10, 10, 4, 4, 0.5F, 0.625F, 0.5F},    // 0.3125, class 0: another class
      {11, 10, 4, 4, 0.5F, 0.25F, 0.625F},   // 0.3125, class 1: covered, 12 of 20
      {20, 10, 6, 4, 1.0F, 0.25F, 0.25F},    // not above the threshold
      {30, 10, 6, 4, 0.25F, 1.0F, 1.0F},     // nor the objectness
      {40, 20, 2, 8, 1.0F, 0.5F, 0.5F},      // equal classes: the first
      {50, 20, 2, 2, 0.75F, 0.25F, 0.125F},  // below it
  };
  const std::vector<Found> expected{
      {{39, 16, 41, 24}, 0.5F, 0}, {{8, 8, 12, 12}, 0.375F, 1}, {{8, 8, 12, 12}, 0.3125F, 0}};
  EXPECT_EQ(found_in(kHalf, rows), expected);
  DetectionNms agnostic = kHalf;
  agnostic.class_agnostic = true;
  EXPECT_EQ(found_in(agnostic, rows), (std::vector<Found>{expected[0], expected[1]}));
  DetectionNms one = kHalf;
  one.max_outputs = 1;
  EXPECT_EQ(found_in(one, rows), std::vector<Found>{expected[0]});
}

TEST(DetectionNms, MultiLabelTakesEveryClass) {
  DetectionNms op = kHalf;
  op.multi_label = true;
  const Rows rows{{10, 10, 4, 4, 0.5F, 0.5F, 0.75F, 0.625F},
                  {11, 10, 4, 4, 0.5F, 0.625F, 0.5F, 0.625F}};
  EXPECT_EQ(found_in(op, rows), (std::vector<Found>{{{8, 8, 12, 12}, 0.375F, 1},
                                                    {{8, 8, 12, 12}, 0.3125F, 2},
                                                    {{9, 8, 13, 12}, 0.3125F, 0}}))
      << "0.5 x 0.5 is not above the threshold; of equal scores the lower box is first, and covers";
}

TEST(DetectionNms, OneClassHasTheObjectness) {
  EXPECT_EQ(found_in(kHalf, {{10, 10, 4, 4, 0.5F, 0.125F}, {20, 10, 4, 4, 0.25F, 1.0F}}),
            (std::vector<Found>{{{8, 8, 12, 12}, 0.5F, 0}}));
}

// Classes are sifted after the best one of a box is known.
TEST(DetectionNms, TakesWantedClasses) {
  const Rows rows{{10, 10, 4, 4, 1, 0.5F, 0.75F, 0}, {20, 10, 4, 4, 1, 0.5F, 0.25F, 0}};
  const std::vector<Found> expected{{{18, 8, 22, 12}, 0.5F, 0}};
  EXPECT_EQ(found_in(kHalf, rows, {1, 0, 0}), expected);
  EXPECT_EQ(found_in(kHalf, rows, {0, 0, 1}), std::vector<Found>{});
  DetectionNms all = kHalf;
  all.multi_label = true;
  EXPECT_EQ(found_in(all, rows, {1, 0, 0}),
            (std::vector<Found>{{{8, 8, 12, 12}, 0.5F, 0}, {{18, 8, 22, 12}, 0.5F, 0}}));
}

TEST(DetectionNms, TiesGoToTheLowerBox) {
  const std::vector<float> a{10, 10, 4, 4, 1, 0.5F, 0.5F};
  const std::vector<float> b{11, 10, 4, 4, 1, 0.5F, 0.5F};
  EXPECT_EQ(found_in(kHalf, {a, b}), (std::vector<Found>{{{8, 8, 12, 12}, 0.5F, 0}}));
  EXPECT_EQ(found_in(kHalf, {b, a}), (std::vector<Found>{{{9, 8, 13, 12}, 0.5F, 0}}));
}

// Overlaps must be above the threshold: 8 of 16.
TEST(DetectionNms, AnEqualOverlapStays) {
  const Rows rows{{10, 10, 4, 4, 1, 0.75F, 0}, {10, 9, 4, 2, 1, 0.5F, 0}};
  EXPECT_EQ(found_in(kHalf, rows).size(), 2U);
  DetectionNms below = kHalf;
  below.iou_threshold = std::nextafter(0.5F, 0.0F);
  EXPECT_EQ(found_in(below, rows).size(), 1U);
}

// The original adds 4096 for each class, in float32: of class 79 places are multiples of 1/32.
TEST(DetectionNms, ComparesBoxesWhereTheOriginalDoes) {
  DetectionNms op;
  const auto rows_of = [](float side, float distance, std::size_t label) {
    Rows rows{std::vector<float>(85), std::vector<float>(85)};
    for (std::size_t i = 0; i < 2; ++i) {
      rows[i] = {10 + static_cast<float>(i) * distance, 10, side, side, 1};
      rows[i].resize(85);
      rows[i][5 + label] = i == 0 ? 0.875F : 0.75F;
    }
    return rows;
  };
  // IoU 0.4511, which becomes less.
  EXPECT_EQ(found_in(op, rows_of(4.75F, 1.796875F, 0)).size(), 1U);
  EXPECT_EQ(found_in(op, rows_of(4.75F, 1.796875F, 79)).size(), 2U);
  // IoU 0.4480, which becomes more.
  EXPECT_EQ(found_in(op, rows_of(2.5F, 0.953125F, 0)).size(), 2U);
  EXPECT_EQ(found_in(op, rows_of(2.5F, 0.953125F, 79)).size(), 1U);
  op.class_agnostic = true;
  EXPECT_EQ(found_in(op, rows_of(4.75F, 1.796875F, 79)).size(), 1U);
  EXPECT_EQ(found_in(op, rows_of(2.5F, 0.953125F, 79)).size(), 2U);
}

TEST(DetectionNms, CountsWhatIsNotFinite) {
  const std::vector<float> good{10, 10, 4, 4, 1, 0.5F, 0.25F};
  Rows rows{good};
  for (const std::size_t field : {0, 3, 4, 5, 6}) {
    for (const float value : {kNan, kInfinity, -kInfinity}) {
      rows.push_back(good);
      rows.back()[field] = value;
    }
  }
  rows.push_back({kNan, 10, 4, 4, 0.25F, kNan, kNan});  // not above the threshold
  Rows none(rows.size(), {0, 0, 0, 0, 0, 0, 0});
  for (const bool multi_label : {false, true}) {
    DetectionNms op = kHalf;
    op.multi_label = multi_label;
    const Results results = results_of(op, {rows, none});
    EXPECT_EQ(results.bad, (std::vector<std::int32_t>{15, 0}));
    EXPECT_EQ(results.found[0], (std::vector<Found>{{{8, 8, 12, 12}, 0.5F, 0}}));
    EXPECT_EQ(results.found[1], std::vector<Found>{});
  }
}

TEST(DetectionNms, TakesNoBoxes) {
  EXPECT_EQ(found_in(kHalf, {}), std::vector<Found>{});
  const Rows rows{{10, 10, 4, 4, 0, 1, 1}};
  EXPECT_EQ(found_in(kHalf, rows), std::vector<Found>{});
}

// All but the last cover each other, and the last one is the worst.
TEST(DetectionNms, LooksAtSoManyCandidates) {
  for (const std::size_t others : {29999, 30000}) {
    Rows rows(others, {10, 10, 4, 4, 0.75F, 1});
    rows.push_back({30, 10, 4, 4, 0.5F, 1});
    EXPECT_EQ(found_in(kHalf, rows).size(), others == 29999 ? 2U : 1U);
  }
}

TEST(DetectionNms, RefusesMoreThanInt32Counts) {
  EXPECT_THROW(make_detection_nms_problem({}, {1, std::int64_t{1} << 26, 85}, false), Error);
}

// The same in plain loops and double precision. Boxes are multiples of 1/4, which are exact where
// few classes move them.
std::vector<Found> plain(const DetectionNms& op, const Rows& rows) {
  struct Candidate {
    Found found;
    bool there = true;
  };
  std::vector<Candidate> candidates;
  for (const std::vector<float>& row : rows) {
    const std::size_t classes = row.size() - 5;
    std::size_t best = 0;
    for (std::size_t k = 1; k < classes; ++k) best = row[5 + k] > row[5 + best] ? k : best;
    for (std::size_t k = 0; k < classes; ++k) {
      const float score = row[4] * row[5 + k];
      if (!op.multi_label && k != best) continue;
      if (row[4] <= op.score_threshold || score <= op.score_threshold) continue;
      candidates.push_back(
          {{{row[0] - row[2] / 2, row[1] - row[3] / 2, row[0] + row[2] / 2, row[1] + row[3] / 2},
            score,
            static_cast<std::int32_t>(k)}});
    }
  }
  const auto overlap = [](const Found& a, const Found& b) {
    const double w = std::min(a.corners[2], b.corners[2]) - std::max(a.corners[0], b.corners[0]);
    const double h = std::min(a.corners[3], b.corners[3]) - std::max(a.corners[1], b.corners[1]);
    if (w <= 0 || h <= 0) return 0.0;
    const auto area = [](const Found& f) {
      return static_cast<double>(f.corners[2] - f.corners[0]) * (f.corners[3] - f.corners[1]);
    };
    return w * h / (area(a) + area(b) - w * h);
  };
  std::vector<Found> taken;
  while (taken.size() < static_cast<std::size_t>(op.max_outputs)) {
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates) {
      if (!candidate.there) continue;
      if (best == nullptr || candidate.found.score > best->found.score) best = &candidate;
    }
    if (best == nullptr) break;
    const Found found = best->found;
    taken.push_back(found);
    for (Candidate& candidate : candidates) {
      const bool rivals = op.class_agnostic || candidate.found.label == found.label;
      if (&candidate == best || (rivals && overlap(candidate.found, found) > op.iou_threshold)) {
        candidate.there = false;
      }
    }
  }
  return taken;
}

Rows some_rows(std::int64_t count, std::size_t classes, std::uint64_t seed) {
  SplitMix64 random(seed);
  const auto part = [&](std::uint64_t below) {
    return static_cast<float>(random.below(below)) / 4;
  };
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float>& row = rows.emplace_back();
    row = {part(128), part(128), 2 * part(20), 2 * part(20), part(5)};
    // Few different scores, so that many are equal.
    for (std::size_t k = 0; k < classes; ++k) row.push_back(part(5));
  }
  return rows;
}

TEST(DetectionNms, TakesWhatPlainLoopsTake) {
  for (const std::int64_t boxes : {1, 60, 300}) {
    for (const std::size_t classes : {2, 5}) {
      const std::vector<Rows> images{some_rows(boxes, classes, 1), some_rows(boxes, classes, 2),
                                     some_rows(boxes, classes, 3)};
      for (const bool agnostic : {false, true}) {
        for (const bool multi_label : {false, true}) {
          for (const std::int64_t most : {7, 1000}) {
            const DetectionNms op{.score_threshold = 0.25F,
                                  .iou_threshold = 0.3003F,
                                  .max_outputs = most,
                                  .class_agnostic = agnostic,
                                  .multi_label = multi_label};
            const Results results = results_of(op, images);
            for (std::size_t i = 0; i < images.size(); ++i) {
              EXPECT_EQ(results.found.at(i), plain(op, images[i])) << i;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
