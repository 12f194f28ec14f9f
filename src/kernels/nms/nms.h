// Suppression of boxes that better ones cover: NonMaxSuppression, EfficientNms and DetectionNms.
#ifndef LASSO_KERNELS_NMS_NMS_H_
#define LASSO_KERNELS_NMS_NMS_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// graph::NonMaxSuppression. A pair is an image and a class, whose scores are a row.
struct NonMaxSuppressionProblem {
  std::int64_t pairs = 0;
  std::int64_t classes = 1;
  std::int64_t boxes = 0;     // of an image
  std::int64_t most = 0;      // that are taken of a pair
  std::int64_t capacity = 0;  // rows of the result
  float iou_threshold = 0;
  bool has_score_threshold = false;
  float score_threshold = 0;
  bool center_point_box = false;

  // A score that is no number never is one.
  constexpr bool is_candidate(float score) const {
    return has_score_threshold ? score > score_threshold : score == score;
  }
};

// graph::EfficientNms.
struct EfficientNmsProblem {
  std::int64_t images = 0;
  std::int64_t boxes = 0;  // of an image
  std::int64_t classes = 1;
  std::int64_t box_classes = 1;  // that have boxes of their own: 1 or all
  std::int64_t outputs = 0;
  bool has_anchors = false;
  std::int64_t anchor_images = 1;  // 1, or all
  float least_score = 0;           // before the activation
  float iou_threshold = 0;
  std::int64_t background_class = -1;
  bool score_activation = false;
  bool class_agnostic = false;
  bool centers = false;

  std::int64_t scores() const { return boxes * classes; }  // of an image
  // Of the score of a pair of a box and a class, which have one number.
  constexpr bool is_candidate(float score, std::int64_t pair) const {
    return score >= least_score && pair % classes != background_class;
  }
  // Where its box and its anchor are.
  constexpr std::int64_t box_at(std::int64_t image, std::int64_t pair) const {
    const std::int64_t box = image * boxes + pair / classes;
    return box_classes == 1 ? box : box * classes + pair % classes;
  }
  constexpr std::int64_t anchor_at(std::int64_t image, std::int64_t pair) const {
    return (anchor_images == 1 ? 0 : image * boxes) + pair / classes;
  }
};

// graph::DetectionNms.
struct DetectionNmsProblem {
  std::int64_t images = 0;
  std::int64_t boxes = 0;  // of an image
  std::int64_t classes = 1;
  std::int64_t outputs = 0;
  bool has_wanted = false;
  float score_threshold = 0;
  float iou_threshold = 0;
  bool class_agnostic = false;
  bool multi_label = false;

  constexpr std::int64_t fields() const { return 5 + classes; }  // of a box
  // The most of an image.
  constexpr std::int64_t candidates() const { return multi_label ? boxes * classes : boxes; }
};

// `capacity` is that of the result. They throw kInvalidArgument for more boxes than int32 counts.
NonMaxSuppressionProblem make_non_max_suppression_problem(const graph::NonMaxSuppression& op,
                                                          const Dims& scores,
                                                          std::int64_t capacity);
// `anchors` are empty where there are none.
EfficientNmsProblem make_efficient_nms_problem(const graph::EfficientNms& op, const Dims& boxes,
                                               const Dims& scores, const Dims& anchors);
DetectionNmsProblem make_detection_nms_problem(const graph::DetectionNms& op, const Dims& boxes,
                                               bool has_wanted);

// Best first, reference last.
const std::vector<Kernel<NonMaxSuppressionProblem>>& non_max_suppression_kernels();
const std::vector<Kernel<EfficientNmsProblem>>& efficient_nms_kernels();
const std::vector<Kernel<DetectionNmsProblem>>& detection_nms_kernels();

const Family& non_max_suppression_family();
const Family& efficient_nms_family();
const Family& detection_nms_family();

// The rows of the lists.
extern const Kernel<NonMaxSuppressionProblem> kNonMaxSuppressionRef;
extern const Kernel<EfficientNmsProblem> kEfficientNmsRef;
extern const Kernel<DetectionNmsProblem> kDetectionNmsRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NMS_NMS_H_
