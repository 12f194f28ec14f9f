#include "kernels/nms/nms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "kernels/kernel_test.h"
#include "kernels/nms/nms_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::BoxCoding;
using graph::EfficientNms;
using graph::NonMaxSuppression;
using test::run_all;
using test::values_at;
using Corners = std::array<double, 4>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// In double precision; thresholds of the tests are no quotients that boxes have.
double iou(const Corners& a, const Corners& b) {
  const auto side = [](const Corners& box, std::size_t i) {
    return std::pair{std::min(box[i], box[i + 2]), std::max(box[i], box[i + 2])};
  };
  double intersection = 1;
  double area_a = 1;
  double area_b = 1;
  for (const std::size_t i : {0, 1}) {
    const auto [a0, a1] = side(a, i);
    const auto [b0, b1] = side(b, i);
    intersection *= std::max(0.0, std::min(a1, b1) - std::max(a0, b0));
    area_a *= a1 - a0;
    area_b *= b1 - b0;
  }
  return intersection > 0 ? intersection / (area_a + area_b - intersection) : 0;
}

Corners corners(const float* box, bool center) {
  const std::array<double, 4> b{box[0], box[1], box[2], box[3]};
  if (!center) return b;
  return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
}

// Of a list of scores the position of the best that is still there: the first of the largest.
int best_of(const std::vector<float>& scores, const std::vector<bool>& there) {
  int best = -1;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!there[i]) continue;
    if (best < 0 || scores[i] > scores[static_cast<std::size_t>(best)]) best = static_cast<int>(i);
  }
  return best;
}

// Boxes of multiples of 1/4, which are exact in float32, some of them without area.
std::vector<float> some_boxes(std::int64_t count, std::uint64_t seed, bool center) {
  SplitMix64 random(seed);
  std::vector<float> boxes;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto x = static_cast<float>(random.below(64)) / 4;
    const auto y = static_cast<float>(random.below(64)) / 4;
    const auto w = static_cast<float>(random.below(40)) / 4;
    const auto h = static_cast<float>(random.below(40)) / 4;
    const bool turned = random.below(3) == 0;
    if (center) {
      boxes.insert(boxes.end(), {x, y, w, h});
    } else if (turned) {
      boxes.insert(boxes.end(), {x + w, y, x, y + h});
    } else {
      boxes.insert(boxes.end(), {x, y, x + w, y + h});
    }
  }
  return boxes;
}

// Few different scores, so that many are equal; some are no numbers.
std::vector<float> some_scores(std::int64_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> scores;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t n = random.below(41);
    scores.push_back(n == 40 ? kNan : static_cast<float>(n) / 40);
  }
  return scores;
}

struct Sizes {
  std::int64_t images, classes, boxes;
};

void check_suppression(const NonMaxSuppression& op, const Sizes& n, const std::vector<float>& boxes,
                       const std::vector<float>& scores, std::vector<std::int32_t> expected) {
  const std::int64_t capacity = n.images * n.classes * std::min(op.max_per_class, n.boxes);
  const auto count = static_cast<std::int32_t>(expected.size() / 3);
  expected.resize(static_cast<std::size_t>(capacity * 3), 0);
  const auto problem =
      make_non_max_suppression_problem(op, {n.images, n.classes, n.boxes}, capacity);
  run_all(non_max_suppression_kernels(), problem, {boxes.data(), scores.data()},
          {expected.size(), 1}, [&](const std::vector<const std::byte*>& results) {
            EXPECT_EQ(values_at<std::int32_t>(results[1], 1).front(), count);
            EXPECT_EQ(values_at<std::int32_t>(results[0], expected.size()), expected);
          });
}

std::vector<std::int32_t> plain_suppression(const NonMaxSuppression& op, const Sizes& n,
                                            const std::vector<float>& boxes,
                                            const std::vector<float>& scores) {
  std::vector<std::int32_t> selected;
  for (std::int64_t pair = 0; pair < n.images * n.classes; ++pair) {
    const std::vector<float> row(scores.begin() + pair * n.boxes,
                                 scores.begin() + (pair + 1) * n.boxes);
    const auto box = [&](int i) {
      return corners(boxes.data() + (pair / n.classes * n.boxes + i) * 4, op.center_point_box);
    };
    std::vector<bool> there;
    for (const float score : row) {
      there.push_back(!std::isnan(score) &&
                      (!op.has_score_threshold || score > op.score_threshold));
    }
    std::int64_t taken = 0;
    for (int best = best_of(row, there); best >= 0 && taken < op.max_per_class;
         best = best_of(row, there)) {
      ++taken;
      selected.insert(selected.end(), {static_cast<std::int32_t>(pair / n.classes),
                                       static_cast<std::int32_t>(pair % n.classes), best});
      for (int i = 0; i < n.boxes; ++i) {
        if (i == best || iou(box(best), box(i)) > op.iou_threshold) {
          there[static_cast<std::size_t>(i)] = false;
        }
      }
    }
  }
  return selected;
}

TEST(NonMaxSuppression, TakesTheBestThatNoneCovers) {
  for (const bool center : {false, true}) {
    for (const Sizes n : {Sizes{1, 1, 1}, Sizes{1, 1, 70}, Sizes{2, 3, 90}, Sizes{1, 5, 200}}) {
      const auto boxes = some_boxes(n.images * n.boxes, 3, center);
      const auto scores = some_scores(n.images * n.classes * n.boxes, 4);
      for (const float iou_threshold : {0.0F, 0.3003F, 0.5003F, 1.0F}) {
        for (const std::int64_t most : {1, 7, 1000}) {
          for (const bool has_threshold : {false, true}) {
            const NonMaxSuppression op{.max_per_class = most,
                                       .iou_threshold = iou_threshold,
                                       .has_score_threshold = has_threshold,
                                       .score_threshold = 0.5F,
                                       .center_point_box = center};
            check_suppression(op, n, boxes, scores, plain_suppression(op, n, boxes, scores));
          }
        }
      }
    }
  }
}

// The numbers of ONNX's own examples.
TEST(NonMaxSuppression, ExamplesOfOnnx) {
  const std::vector<float> boxes{0, 0,  1, 1,  0, 0.1F,  1, 1.1F,  0, -0.1F, 1, 0.9F,
                                 0, 10, 1, 11, 0, 10.1F, 1, 11.1F, 0, 100,   1, 101};
  const std::vector<float> scores{0.9F, 0.75F, 0.6F, 0.95F, 0.5F, 0.3F};
  NonMaxSuppression op{.max_per_class = 3, .iou_threshold = 0.5F};
  check_suppression(op, {1, 1, 6}, boxes, scores, {0, 0, 3, 0, 0, 0, 0, 0, 5});
  op.has_score_threshold = true;
  op.score_threshold = 0.4F;
  check_suppression(op, {1, 1, 6}, boxes, scores, {0, 0, 3, 0, 0, 0});
  op.max_per_class = 1;
  check_suppression(op, {1, 1, 6}, boxes, scores, {0, 0, 3});
}

TEST(NonMaxSuppression, Degenerate) {
  // Points and lines cover nothing, not even themselves.
  const std::vector<float> lines{1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 5, 0, 0, 0, 5};
  const NonMaxSuppression op{.max_per_class = 10, .iou_threshold = 0.1F};
  check_suppression(op, {1, 1, 4}, lines, {0, 0, 1, 1}, {0, 0, 2, 0, 0, 3, 0, 0, 0, 0, 0, 1});
  const std::vector<float> same{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
  check_suppression(op, {1, 1, 3}, same, {kNan, kNan, kNan}, {});
  check_suppression(op, {1, 1, 3}, same, {kNan, -kInfinity, -kInfinity}, {0, 0, 1});
  check_suppression(op, {1, 1, 3}, same, {-0.0F, 0.0F, -1.0F}, {0, 0, 0});
  const std::vector<float> broken{kNan, 0, 1, 1, 0, 0, kInfinity, 1, 0, 0, 1, kNan};
  check_suppression(op, {1, 1, 3}, broken, {1, 2, 3}, {0, 0, 2, 0, 0, 1, 0, 0, 0});
  check_suppression(op, {0, 1, 3}, {}, {}, {});
  check_suppression(op, {2, 3, 0}, {}, {}, {});
  EXPECT_THROW(make_non_max_suppression_problem(op, {1, 2, 30}, 19), Error);
}

// Room for more than there are boxes.
TEST(NonMaxSuppression, RowsBehindTheCountAreZero) {
  const NonMaxSuppression op{.max_per_class = 5, .iou_threshold = 0.1F};
  const std::vector<float> boxes{0, 0, 1, 1, 5, 5, 6, 6};
  const std::vector<float> scores{0.1F, 0.2F};
  const auto problem = make_non_max_suppression_problem(op, {1, 1, 2}, 5);
  run_all(non_max_suppression_kernels(), problem, {boxes.data(), scores.data()}, {15, 1},
          [](const std::vector<const std::byte*>& results) {
            EXPECT_EQ(values_at<std::int32_t>(results[0], 15),
                      (std::vector<std::int32_t>{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
          });
}

TEST(NonMaxSuppression, Detector) {
  const Sizes n{1, 80, 6300};
  const auto boxes = some_boxes(n.boxes, 5, false);
  const auto scores = some_scores(n.classes * n.boxes, 6);
  const NonMaxSuppression op{.max_per_class = 10,
                             .iou_threshold = 0.4503F,
                             .has_score_threshold = true,
                             .score_threshold = 0.9F};
  check_suppression(op, n, boxes, scores, plain_suppression(op, n, boxes, scores));
}

struct Detections {
  std::vector<float> boxes;
  std::vector<float> scores;
  std::vector<std::int32_t> classes;
};

// Of an image; `decoded` are its boxes as corners, one for each score.
Detections plain_detections(const EfficientNms& op, std::int64_t classes,
                            const std::vector<Corners>& decoded, const std::vector<float>& scores) {
  std::vector<bool> there;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double s = scores[i];
    const double score = op.score_activation ? 1 / (1 + std::exp(-s)) : s;
    there.push_back(score >= op.score_threshold &&
                    static_cast<std::int64_t>(i) % classes != op.background_class);
  }
  Detections found;
  std::vector<int> kept;
  std::int64_t looked_at = 0;
  for (int best = best_of(scores, there); best >= 0 && looked_at < EfficientNms::kCandidates &&
                                          static_cast<std::int64_t>(kept.size()) < op.max_outputs;
       best = best_of(scores, there), ++looked_at) {
    there[static_cast<std::size_t>(best)] = false;
    const Corners& box = decoded[static_cast<std::size_t>(best)];
    const bool is_covered = std::any_of(kept.begin(), kept.end(), [&](int other) {
      return (op.class_agnostic || other % classes == best % classes) &&
             iou(decoded[static_cast<std::size_t>(other)], box) >= op.iou_threshold;
    });
    if (is_covered) continue;
    kept.push_back(best);
    for (const double corner : box) found.boxes.push_back(static_cast<float>(corner));
    const double s = scores[static_cast<std::size_t>(best)];
    found.scores.push_back(static_cast<float>(op.score_activation ? 1 / (1 + std::exp(-s)) : s));
    found.classes.push_back(static_cast<std::int32_t>(best % classes));
  }
  return found;
}

// `decoded` has all images' boxes, one for each score. Boxes may differ in their last bits.
void check_detections(const EfficientNms& op, const Dims& box_dims, const Dims& anchor_dims,
                      const Sizes& n, const std::vector<float>& boxes,
                      const std::vector<float>& anchors, const std::vector<float>& scores,
                      const std::vector<Corners>& decoded) {
  const auto problem =
      make_efficient_nms_problem(op, box_dims, {n.images, n.boxes, n.classes}, anchor_dims);
  const auto outputs = static_cast<std::size_t>(op.max_outputs);
  const auto images = static_cast<std::size_t>(n.images);
  const auto of_image = static_cast<std::size_t>(n.boxes * n.classes);
  run_all(efficient_nms_kernels(), problem,
          {boxes.data(), scores.data(), anchors.empty() ? nullptr : anchors.data()},
          {images, images * outputs * 4, images * outputs, images * outputs},
          [&](const std::vector<const std::byte*>& results) {
            const auto counts = values_at<std::int32_t>(results[0], images);
            for (std::size_t image = 0; image < images; ++image) {
              const auto begin = static_cast<std::ptrdiff_t>(image * of_image);
              const auto end = begin + static_cast<std::ptrdiff_t>(of_image);
              Detections e =
                  plain_detections(op, n.classes, {decoded.begin() + begin, decoded.begin() + end},
                                   {scores.begin() + begin, scores.begin() + end});
              EXPECT_EQ(counts[image], static_cast<std::int32_t>(e.scores.size()));
              e.boxes.resize(outputs * 4, 0.0F);
              e.scores.resize(outputs, 0.0F);
              e.classes.resize(outputs, 0);
              const auto y = values_at<float>(results[1] + image * outputs * 16, outputs * 4);
              for (std::size_t i = 0; i < y.size(); ++i) {
                ASSERT_NEAR(y[i], e.boxes[i], 8 * test::kEpsilon * std::abs(e.boxes[i]) + 1e-6);
              }
              EXPECT_EQ(values_at<float>(results[2] + image * outputs * 4, outputs), e.scores);
              EXPECT_EQ(values_at<std::int32_t>(results[3] + image * outputs * 4, outputs),
                        e.classes);
            }
          });
}

TEST(EfficientNms, TakesTheBestThatNoneCovers) {
  for (const Sizes n : {Sizes{1, 1, 1}, Sizes{2, 3, 80}, Sizes{3, 1, 200}}) {
    const auto scores = some_scores(n.images * n.boxes * n.classes, 8);
    for (const BoxCoding coding : {BoxCoding::kCorners, BoxCoding::kCenter}) {
      const bool center = coding == BoxCoding::kCenter;
      for (const bool of_classes : {false, true}) {
        const std::int64_t each = of_classes ? n.classes : 1;
        const auto boxes = some_boxes(n.images * n.boxes * each, 7, center);
        std::vector<Corners> decoded;
        for (std::int64_t i = 0; i < n.images * n.boxes * n.classes; ++i) {
          const std::int64_t box = of_classes ? i : i / n.classes;
          decoded.push_back(corners(boxes.data() + box * 4, center));
        }
        for (const bool agnostic : {false, true}) {
          for (const bool activation : {false, true}) {
            EfficientNms op{.score_threshold = activation ? 0.6203F : 0.5F,
                            .iou_threshold = 0.3003F,
                            .max_outputs = 12,
                            .background_class = agnostic ? 1 : -1,
                            .score_activation = activation,
                            .class_agnostic = agnostic,
                            .box_coding = coding};
            const Dims dims =
                of_classes ? Dims{n.images, n.boxes, n.classes, 4} : Dims{n.images, n.boxes, 4};
            check_detections(op, dims, {}, n, boxes, {}, scores, decoded);
            op.max_outputs = 1000;
            op.score_threshold = 0.0F;
            check_detections(op, dims, {}, n, boxes, {}, scores, decoded);
          }
        }
      }
    }
  }
}

TEST(EfficientNms, BoxesRelativeToAnchors) {
  const Sizes n{2, 3, 60};
  const auto scores = some_scores(n.images * n.boxes * n.classes, 9);
  for (const std::int64_t anchor_images : {1, 2}) {
    for (const bool center : {false, true}) {
      auto boxes = some_boxes(n.images * n.boxes, 10, center);
      for (float& value : boxes) value /= 16;
      auto anchors = some_boxes(anchor_images * n.boxes, 11, center);
      std::vector<Corners> decoded;
      for (std::int64_t i = 0; i < n.images * n.boxes * n.classes; ++i) {
        const std::int64_t box = i / n.classes;
        const float* b = boxes.data() + box * 4;
        const float* a = anchors.data() + (anchor_images == 1 ? box % n.boxes : box) * 4;
        if (center) {
          const double w = a[2] * std::exp(static_cast<double>(b[2]));
          const double h = a[3] * std::exp(static_cast<double>(b[3]));
          const double x = static_cast<double>(b[0]) * a[2] + a[0];
          const double y = static_cast<double>(b[1]) * a[3] + a[1];
          decoded.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
        } else {
          const auto sum = [&](int k, auto of) {
            const int from = k % 2;
            return of(static_cast<double>(b[from]), static_cast<double>(b[from + 2])) +
                   of(static_cast<double>(a[from]), static_cast<double>(a[from + 2]));
          };
          const auto least = [](double p, double q) { return std::min(p, q); };
          const auto most = [](double p, double q) { return std::max(p, q); };
          decoded.push_back({sum(0, least), sum(1, least), sum(2, most), sum(3, most)});
        }
      }
      EfficientNms op{.score_threshold = 0.3F, .iou_threshold = 0.4003F, .max_outputs = 50};
      op.box_coding = center ? BoxCoding::kCenter : BoxCoding::kCorners;
      check_detections(op, {n.images, n.boxes, 4}, {anchor_images, n.boxes, 4}, n, boxes, anchors,
                       scores, decoded);
    }
  }
}

// One is looked at for each score, and no more than kCandidates.
TEST(EfficientNms, LooksAtTheBestCandidatesOnly) {
  const Sizes n{1, 2, 3000};
  std::vector<float> boxes;
  std::vector<float> scores;
  for (std::int64_t i = 0; i < n.boxes; ++i) {
    // All of the first class are at one place, all of the second one too; the last is elsewhere.
    const auto x = i + 1 == n.boxes ? 100.0F : 0.0F;
    boxes.insert(boxes.end(), {x, 0, x + 1, 1});
    scores.insert(scores.end(), {0.5F, 0.5F});
  }
  std::vector<Corners> decoded;
  for (std::int64_t i = 0; i < n.boxes * n.classes; ++i) {
    decoded.push_back(corners(boxes.data() + i / 2 * 4, false));
  }
  EfficientNms op{.score_threshold = 0.1F, .iou_threshold = 0.5F, .max_outputs = 10};
  check_detections(op, {1, n.boxes, 4}, {}, n, boxes, {}, scores, decoded);
  scores.back() = 0.75F;
  check_detections(op, {1, n.boxes, 4}, {}, n, boxes, {}, scores, decoded);
  // Everything is covered where the threshold is 0.
  op.iou_threshold = 0.0F;
  check_detections(op, {1, n.boxes, 4}, {}, n, boxes, {}, scores, decoded);
  check_detections(op, {0, 9, 4}, {}, {0, 2, 9}, {}, {}, {}, {});
  check_detections(op, {2, 0, 4}, {}, {2, 2, 0}, {}, {}, {}, {});
}

TEST(EfficientNms, Detector) {
  const Sizes n{1, 80, 6300};
  const auto boxes = some_boxes(n.boxes, 12, false);
  const auto scores = some_scores(n.classes * n.boxes, 13);
  std::vector<Corners> decoded;
  for (std::int64_t i = 0; i < n.boxes * n.classes; ++i) {
    decoded.push_back(corners(boxes.data() + i / n.classes * 4, false));
  }
  const EfficientNms op{.score_threshold = 0.25F, .iou_threshold = 0.6503F, .max_outputs = 100};
  check_detections(op, {1, n.boxes, 4}, {}, n, boxes, {}, scores, decoded);
}

}  // namespace
}  // namespace lasso::kernels
