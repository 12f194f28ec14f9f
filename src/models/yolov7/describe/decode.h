// From a map of the head to boxes.
#ifndef LASSO_MODELS_YOLOV7_DESCRIBE_DECODE_H_
#define LASSO_MODELS_YOLOV7_DESCRIBE_DECODE_H_

#include <string>

#include "graph/builder.h"
#include "models/yolov7/model.h"

namespace lasso::yolov7 {

// map float32 [B, H, W, anchors * F], of F = 5 + classes numbers t for each anchor
//   -> [B, anchors * H * W, F], with s = sigmoid(t), for the anchor (a_w, a_h) in cell (i, j):
//   x = (2 s_0 - 1/2 + j) stride,   y = (2 s_1 - 1/2 + i) stride,   w = (2 s_2)^2 a_w,   h = (2
//   s_3)^2 a_h, and s for the rest
graph::ValueId decode_level(graph::Builder& builder, const std::string& name, graph::ValueId map,
                            const DetectionLevel& level);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_DESCRIBE_DECODE_H_
