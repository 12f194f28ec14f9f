// Operators that choose boxes.
#include <algorithm>
#include <limits>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::ValueId;

namespace {

// How many rows count is known at run time only: a symbol stands for it until the import is done.
void import_non_max_suppression(NodeContext& n) {
  graph::NonMaxSuppression op;
  op.center_point_box = n.integer("center_point_box", 0) != 0;
  op.max_per_class = n.has(2) ? n.number(2, "max_output_boxes_per_class") : 0;
  op.iou_threshold = n.has(3) ? n.scalar(3, "iou_threshold") : 0.0F;
  op.has_score_threshold = n.has(4);
  if (n.has(4)) op.score_threshold = n.scalar(4, "score_threshold");
  n.check(op.max_per_class >= 0, "max_output_boxes_per_class is {}", op.max_per_class);
  if (op.max_per_class == 0) n.unsupported("no box of a class is asked for");
  n.check(n.rank(0) == 3 && n.rank(1) == 3, "boxes of {} and scores of {} dimensions", n.rank(0),
          n.rank(1));
  // Numbers beyond all boxes mean all of them.
  const Dim& boxes = n.shape(0).at(1);
  if (boxes.is_constant()) op.max_per_class = std::min(op.max_per_class, boxes.constant());
  op.capacity = n.importer().counted_size(n.shape(1)[0] * n.shape(1)[1] * Dim(op.max_per_class));
  const std::vector<ValueId> results = n.add_results(op, {n.value(0), n.value(1)});
  n.importer().set_count(op.capacity, results.at(1));
  n.result(0, results.at(0), OnnxDataType::kInt64);
}

// Attributes may be one number in a list.
std::int64_t integer_of(const NodeContext& n, std::string_view name, std::int64_t absent) {
  if (!n.has_attribute(name)) return absent;
  if (n.is_list(name)) {
    const auto list = n.integer_list(name);
    n.check(list->size() == 1, "attribute {} has {} elements", name, list->size());
    return list->front();
  }
  return n.integer(name, absent);
}

float number_of(const NodeContext& n, std::string_view name, float absent) {
  if (!n.has_attribute(name)) return absent;
  if (n.is_list(name)) {
    const auto list = n.number_list(name);
    n.check(list->size() == 1, "attribute {} has {} elements", name, list->size());
    return list->front();
  }
  return n.number(name, absent);
}

void import_efficient_nms(NodeContext& n) {
  graph::EfficientNms op;
  op.score_threshold = number_of(n, "score_threshold", 0.25F);
  op.iou_threshold = number_of(n, "iou_threshold", 0.5F);
  op.max_outputs = integer_of(n, "max_output_boxes", 100);
  op.background_class = integer_of(n, "background_class", -1);
  op.score_activation = integer_of(n, "score_activation", 0) != 0;
  op.class_agnostic = integer_of(n, "class_agnostic", 0) != 0;
  const std::int64_t coding = integer_of(n, "box_coding", 0);
  n.check(coding == 0 || coding == 1, "attribute box_coding is {}", coding);
  op.box_coding = coding == 0 ? graph::BoxCoding::kCorners : graph::BoxCoding::kCenter;
  std::vector<ValueId> inputs{n.value(0), n.value(1)};
  if (n.has(2)) inputs.push_back(n.value(2));
  const std::vector<ValueId> results = n.add_results(op, inputs);
  const Dim batch = n.shape(0).at(0);
  n.result(0, n.reshape(results.at(0), {batch, 1}), OnnxDataType::kInt32);
  n.result(1, results.at(1), n.type(0));
  n.result(2, results.at(2), n.type(0));
  n.result(3, results.at(3), OnnxDataType::kInt32);
}

}  // namespace

const std::vector<Operator>& detection_operators() {
  static const std::vector<Operator> list{
      {"NonMaxSuppression", import_non_max_suppression},
      {"EfficientNMS_TRT", import_efficient_nms, "TRT"},
      {"EfficientNMS_TRT", import_efficient_nms},
      {"EfficientNMS_TRT", import_efficient_nms, "trt.plugins"},
  };
  return list;
}

}  // namespace lasso::onnx
