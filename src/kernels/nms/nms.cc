#include "kernels/nms/nms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kMostIndices = std::numeric_limits<std::int32_t>::max();

// What a score is at least before the sigmoid, where it is `threshold` behind it.
float before_sigmoid(float threshold) {
  if (threshold <= 0.0F) return -std::numeric_limits<float>::infinity();
  const double t = threshold;
  return static_cast<float>(std::log(t / (1.0 - t)));  // NaN above 1: no score is at least that
}

}  // namespace

NonMaxSuppressionProblem make_non_max_suppression_problem(const graph::NonMaxSuppression& op,
                                                          const Dims& scores,
                                                          std::int64_t capacity) {
  NonMaxSuppressionProblem problem{.pairs = scores.at(0) * scores.at(1),
                                   .classes = scores[1],
                                   .boxes = scores.at(2),
                                   .most = std::min(op.max_per_class, scores[2]),
                                   .capacity = capacity,
                                   .iou_threshold = op.iou_threshold,
                                   .has_score_threshold = op.has_score_threshold,
                                   .score_threshold = op.score_threshold,
                                   .center_point_box = op.center_point_box};
  LASSO_CHECK(problem.boxes <= kMostIndices && problem.pairs <= kMostIndices &&
                  problem.pairs * problem.most <= capacity && capacity <= kMostIndices,
              ErrorCode::kInvalidArgument,
              "non_max_suppression: scores {}, of which {} boxes may be taken", to_string(scores),
              capacity);
  return problem;
}

EfficientNmsProblem make_efficient_nms_problem(const graph::EfficientNms& op, const Dims& boxes,
                                               const Dims& scores, const Dims& anchors) {
  EfficientNmsProblem problem{
      .images = scores.at(0),
      .boxes = scores.at(1),
      .classes = scores.at(2),
      .box_classes = boxes.size() == 4 ? boxes[2] : 1,
      .outputs = op.max_outputs,
      .has_anchors = !anchors.empty(),
      .anchor_images = anchors.empty() ? 1 : anchors[0],
      .least_score = op.score_activation ? before_sigmoid(op.score_threshold) : op.score_threshold,
      .iou_threshold = op.iou_threshold,
      .background_class = op.background_class,
      .score_activation = op.score_activation,
      .class_agnostic = op.class_agnostic,
      .centers = op.box_coding == graph::BoxCoding::kCenter};
  LASSO_CHECK(problem.scores() <= kMostIndices, ErrorCode::kInvalidArgument,
              "efficient_nms: scores {}, more than int32 counts", to_string(scores));
  return problem;
}

DetectionNmsProblem make_detection_nms_problem(const graph::DetectionNms& op, const Dims& boxes,
                                               bool has_wanted) {
  DetectionNmsProblem problem{.images = boxes.at(0),
                              .boxes = boxes.at(1),
                              .classes = boxes.at(2) - 5,
                              .outputs = op.max_outputs,
                              .has_wanted = has_wanted,
                              .score_threshold = op.score_threshold,
                              .iou_threshold = op.iou_threshold,
                              .class_agnostic = op.class_agnostic,
                              .multi_label = op.multi_label};
  LASSO_CHECK(problem.classes >= 1 && problem.boxes <= kMostIndices / problem.classes,
              ErrorCode::kInvalidArgument, "detection_nms: boxes {}, more than int32 counts",
              to_string(boxes));
  return problem;
}

const std::vector<Kernel<NonMaxSuppressionProblem>>& non_max_suppression_kernels() {
  static const std::vector<Kernel<NonMaxSuppressionProblem>> list{kNonMaxSuppressionRef};
  return list;
}

const std::vector<Kernel<EfficientNmsProblem>>& efficient_nms_kernels() {
  static const std::vector<Kernel<EfficientNmsProblem>> list{kEfficientNmsRef};
  return list;
}

const std::vector<Kernel<DetectionNmsProblem>>& detection_nms_kernels() {
  static const std::vector<Kernel<DetectionNmsProblem>> list{kDetectionNmsRef};
  return list;
}

const Family& non_max_suppression_family() {
  static const ListFamily<NonMaxSuppressionProblem> family(
      "non_max_suppression", non_max_suppression_kernels(), [](const Call& call) {
        return make_non_max_suppression_problem(std::get<graph::NonMaxSuppression>(call.op),
                                                call.inputs.at(1).dims,
                                                call.outputs.at(0).dims.at(0));
      });
  return family;
}

const Family& efficient_nms_family() {
  static const ListFamily<EfficientNmsProblem> family(
      "efficient_nms", efficient_nms_kernels(), [](const Call& call) {
        const bool has_anchors = call.inputs.size() > 2 && call.inputs[2].present;
        return make_efficient_nms_problem(std::get<graph::EfficientNms>(call.op),
                                          call.inputs.at(0).dims, call.inputs.at(1).dims,
                                          has_anchors ? call.inputs[2].dims : Dims{});
      });
  return family;
}

const Family& detection_nms_family() {
  static const ListFamily<DetectionNmsProblem> family(
      "detection_nms", detection_nms_kernels(), [](const Call& call) {
        return make_detection_nms_problem(std::get<graph::DetectionNms>(call.op),
                                          call.inputs.at(0).dims,
                                          call.inputs.size() > 1 && call.inputs[1].present);
      });
  return family;
}

}  // namespace lasso::kernels
