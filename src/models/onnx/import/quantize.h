// Numbers that stand for others by a scale and a zero point: r = (q - zero) scale.
#ifndef LASSO_MODELS_ONNX_IMPORT_QUANTIZE_H_
#define LASSO_MODELS_ONNX_IMPORT_QUANTIZE_H_

#include "models/onnx/import/node_context.h"

namespace lasso::onnx {

// An integer input as float32, less its zero point, of a shape that broadcasts to it, where the
// node has that. Exact below 2^24.
graph::ValueId centred(NodeContext& n, std::size_t input, std::size_t zero_point,
                       const graph::Shape& zero_shape);

// round(x) + zero, to the nearest and ties to even, and then the nearest number that the type has;
// an integer value, whose float32 one readers may take in its place. The zero point is float32,
// kNoValue for 0.
graph::ValueId saturated(NodeContext& n, graph::ValueId x, graph::ValueId zero, OnnxDataType type);

// What DynamicQuantizeLinear makes of x: uint8 by the range of its numbers and zero.
struct DynamicallyQuantised {
  graph::ValueId numbers = graph::kNoValue;  // integers
  graph::ValueId scale = graph::kNoValue;    // float32
  graph::ValueId zero = graph::kNoValue;     // an integer
};
DynamicallyQuantised dynamically_quantised(NodeContext& n, graph::ValueId x);

// A scalar, or a vector along an axis of so many dimensions, as a shape that broadcasts there.
graph::Shape along_axis(const NodeContext& n, std::size_t input, std::int64_t axis,
                        std::int64_t rank);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_QUANTIZE_H_
