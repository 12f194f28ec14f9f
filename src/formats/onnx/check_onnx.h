// How the values of an ONNX model hang together.
#ifndef LASSO_FORMATS_ONNX_CHECK_ONNX_H_
#define LASSO_FORMATS_ONNX_CHECK_ONNX_H_

#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace lasso {

// The model with the nodes of every graph in an order in which each one comes after those whose
// results it takes; nodes that are in such an order stay as they are. Throws kCorruptFile where a
// node takes a value that nothing gives (a graph's input, an initialiser, a node, or the same in a
// graph around it), where two things give a value of one name, and where nodes need each other's
// results.
OnnxModel check_onnx(OnnxModel model);

// What nodes need that Lasso does not read, with the first node that needs it: functions of the
// model's own, and sparse tensors.
std::vector<std::string> unsupported_parts(const OnnxModel& model);

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_CHECK_ONNX_H_
