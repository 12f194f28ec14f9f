// Operations that read and write where tensors say, and such that go along an axis in order (see
// op.h). Indices are int32. One that is read counts from the end where it is below 0; what is still
// outside means the first or the last position: no memory outside a tensor is touched, whatever a
// program is given.
#ifndef LASSO_GRAPH_OP_INDICES_H_
#define LASSO_GRAPH_OP_INDICES_H_

#include <cstdint>
#include <string_view>

#include "core/enum_names.h"
#include "graph/dim.h"
#include "graph/op_hints.h"

namespace lasso::graph {

// y = table[..., index + offset, ...] along `axis` (not negative).   (table [..., R, ...], index
// int32 [...]) -> [before the axis..., index..., behind it...]
// Only with `wrap` a number below 0 counts from the end. Without it an index outside the table is
// an error of the caller that is checked before the program runs, where it is an input.
struct Gather {
  static constexpr std::string_view kName = "gather";
  std::int64_t offset = 0;
  std::int64_t axis = 0;
  bool wrap = false;

  static void fields(auto& op, auto& v) {
    v("offset", op.offset);
    v("axis", op.axis, IfSet{});
    v("wrap", op.wrap, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const Gather&) const = default;
};

// y[i, j, k] = x[index[i, j, k], j, k], here along axis 0 of three; `axis` is not negative.
// (x, index of as many dimensions, which are not larger than x's but along the axis) -> index's
// shape
struct GatherElements {
  static constexpr std::string_view kName = "gather_elements";
  std::int64_t axis = 0;

  static void fields(auto& op, auto& v) { v("axis", op.axis); }
  Results infer(const Inputs& in) const;
  bool operator==(const GatherElements&) const = default;
};

// Each tuple of K indices names a slice of x: y[b, i] = x[b, index[b, i, 0], ..., index[b, i, K-1]]
// where b are `batch_dims` positions that x and the indices share.
// (x [b..., ...], index [b..., i..., K]) -> [b..., i..., x's dimensions behind the K indexed...]
struct GatherNd {
  static constexpr std::string_view kName = "gather_nd";
  std::int64_t batch_dims = 0;

  static void fields(auto& op, auto& v) { v("batch_dims", op.batch_dims, IfSet{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const GatherNd&) const = default;
};

// What becomes of an element y that an update u names: u, y + u, y u, or the larger or smaller one,
// where NaN wins.
enum class Reduction : std::uint8_t { kNone, kAdd, kMul, kMax, kMin };
const EnumNames<Reduction>& names_of(EnumTag<Reduction> tag);

// y = x, and then y[index[i, j, k], j, k] is reduced with updates[i, j, k], here along axis 0 of
// three, in the order of the updates: the last of those that name one element replaces it.
// (x, index and updates of one shape, which is not larger than x's but along the axis) -> x's shape
// Reductions are of float32 and int32, which wraps around.
struct ScatterElements {
  static constexpr std::string_view kName = "scatter_elements";
  std::int64_t axis = 0;
  Reduction reduction = Reduction::kNone;

  static void fields(auto& op, auto& v) {
    v("axis", op.axis);
    v("reduction", op.reduction, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const ScatterElements&) const = default;
};

// y = x, and then each slice y[index[i, 0], ..., index[i, K-1]] is reduced with updates[i], in the
// order of the updates (see ScatterElements).
// (x, index [i..., K], updates [i..., x's dimensions behind the K indexed...]) -> x's shape
struct ScatterNd {
  static constexpr std::string_view kName = "scatter_nd";
  Reduction reduction = Reduction::kNone;

  static void fields(auto& op, auto& v) { v("reduction", op.reduction, IfSet{}); }
  Results infer(const Inputs& in) const;
  bool operator==(const ScatterNd&) const = default;
};

// The k largest or smallest elements along `axis` (not negative), the first of them first, and
// where they stood; of equal ones the one of the lower index is first. NaN is larger than any
// number. (x float32 or int32) -> (values, indices int32), each with k elements along the axis
struct TopK {
  static constexpr std::string_view kName = "top_k";
  std::int64_t axis = 0;
  Dim k = 1;
  bool largest = true;

  static void fields(auto& op, auto& v) {
    v("axis", op.axis);
    v("k", op.k);
    v("largest", op.largest, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const TopK&) const = default;
};

// y[i] = x[0] + ... + x[i] along `axis` (not negative), one after another; `reverse`: from the last
// element on; `exclusive`: without x[i].   (x float32 or int32, which wraps around)
struct CumSum {
  static constexpr std::string_view kName = "cum_sum";
  std::int64_t axis = 0;
  bool exclusive = false;
  bool reverse = false;

  static void fields(auto& op, auto& v) {
    v("axis", op.axis);
    v("exclusive", op.exclusive, IfSet{});
    v("reverse", op.reverse, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const CumSum&) const = default;
};

// Boxes of each image and class that no better one covers: they are taken by falling score, of
// equal ones the lower index first, unless the intersection over union with one that was taken is
// above `iou_threshold`, and at most `max_per_class`. A score must be above `score_threshold` where
// there is one; NaN never is taken. (boxes [B, N, 4], scores [B, C, N]) -> (selected [capacity, 3]
// int32, count [] int32) A row of `selected` is (image, class, box); rows from `count` on are 0.
// The capacity is B C min(max_per_class, N), or B C max_per_class where N is not a number, unless
// `capacity` is another one, which is not less. Boxes are two opposite corners, or the centre and
// the sides. ONNX's NonMaxSuppression, in ONNX Runtime's order.
struct NonMaxSuppression {
  static constexpr std::string_view kName = "non_max_suppression";
  std::int64_t max_per_class = 1;
  float iou_threshold = 0.0F;
  bool has_score_threshold = false;
  float score_threshold = 0.0F;
  bool center_point_box = false;
  Dim capacity = 0;  // 0: as few as there may be

  static void fields(auto& op, auto& v) {
    v("max_per_class", op.max_per_class);
    v("iou_threshold", op.iou_threshold);
    v("has_score_threshold", op.has_score_threshold, IfSet{});
    v("score_threshold", op.score_threshold, IfSet{});
    v("center_point_box", op.center_point_box, IfSet{});
    v("capacity", op.capacity, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const NonMaxSuppression&) const = default;
};

enum class BoxCoding : std::uint8_t {
  kCorners,  // x1, y1, x2, y2
  kCenter,   // x, y, width, height
};
const EnumNames<BoxCoding>& names_of(EnumTag<BoxCoding> tag);

// Of each image's boxes and their classes' scores those that no better one covers: of all pairs of
// a box and a class, but `background_class`, whose score is at least `score_threshold`, the
// kCandidates of the highest scores are looked at by falling score, of equal ones the lower box and
// then class first. One is taken unless its intersection over union with one that was taken, of the
// same class or `class_agnostic` of any, is at least `iou_threshold`, and at most `max_outputs`
// are. (boxes [B, N, 4] or [B, N, 1 or C, 4], scores [B, N, C], anchors? [1 or B, N, 4]) -> (count
// [B] int32, boxes [B, max_outputs, 4], scores [B, max_outputs], classes [B, max_outputs] int32),
// boxes as corners, zeros from the count on. `score_activation`: scores are sigmoid(s), and are
// compared before it. With anchors, boxes are relative to them: corners are added; a centre is
// moved by x w and y h of the anchor's sides, which are multiplied by exp w and exp h. The rules of
// TensorRT's plugin EfficientNMS_TRT.
struct EfficientNms {
  static constexpr std::string_view kName = "efficient_nms";
  static constexpr std::int64_t kCandidates = 4096;
  float score_threshold = 0.0F;
  float iou_threshold = 0.5F;
  std::int64_t max_outputs = 100;
  std::int64_t background_class = -1;  // none
  bool score_activation = false;
  bool class_agnostic = false;
  BoxCoding box_coding = BoxCoding::kCorners;

  static void fields(auto& op, auto& v) {
    v("score_threshold", op.score_threshold);
    v("iou_threshold", op.iou_threshold);
    v("max_outputs", op.max_outputs);
    v("background_class", op.background_class, IfSet{});
    v("score_activation", op.score_activation, IfSet{});
    v("class_agnostic", op.class_agnostic, IfSet{});
    v("box_coding", op.box_coding, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const EfficientNms&) const = default;
};

// Of each image's boxes those that no better one covers, by the rules of YOLOv7's detect.py. A box
// is its centre, its sides, an objectness o and the scores s of C classes. Its score for a class is
// o s, or o where there is one class, and it is a candidate for its best class, the first of equal
// ones, or with `multi_label` for each, where o and the score are above `score_threshold` and the
// class is `wanted` (not 0). The kCandidates of the highest scores are looked at by falling score,
// of equal ones the lower box and then class first. One is taken unless its intersection over union
// with one that was taken, of the same class or `class_agnostic` of any, is above `iou_threshold`,
// and at most `max_outputs` are. Boxes are compared where they stand in float32 when they are moved
// by kClassDistance for each class, on both axes, or not at all with `class_agnostic`: the original
// keeps classes apart so. Boxes are no candidates, and counted as bad, whose o is not finite, or is
// above the threshold beside a coordinate or a score that is not.
// (x [B, N, 5 + C], wanted? [C] int32) -> (count [B] int32, boxes [B, max_outputs, 4], scores [B,
// max_outputs], classes [B, max_outputs] int32, bad [B] int32), boxes as corners, zeros from the
// count on.
struct DetectionNms {
  static constexpr std::string_view kName = "detection_nms";
  static constexpr std::int64_t kCandidates = 30000;
  static constexpr float kClassDistance = 4096.0F;
  float score_threshold = 0.25F;
  float iou_threshold = 0.45F;
  std::int64_t max_outputs = 300;
  bool class_agnostic = false;
  bool multi_label = false;

  static void fields(auto& op, auto& v) {
    v("score_threshold", op.score_threshold);
    v("iou_threshold", op.iou_threshold);
    v("max_outputs", op.max_outputs);
    v("class_agnostic", op.class_agnostic, IfSet{});
    v("multi_label", op.multi_label, IfSet{});
  }
  Results infer(const Inputs& in) const;
  bool operator==(const DetectionNms&) const = default;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_INDICES_H_
