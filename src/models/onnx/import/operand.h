// What a name of an ONNX model stands for while it is imported.
#ifndef LASSO_MODELS_ONNX_IMPORT_OPERAND_H_
#define LASSO_MODELS_ONNX_IMPORT_OPERAND_H_

#include <memory>

#include "formats/onnx/onnx_types.h"
#include "graph/graph.h"
#include "models/onnx/import/integers.h"

namespace lasso::onnx {

// The type in which the graph has a value of the model: float32 for all floats, int32 for all
// integers, bool. Throws kUnsupported for others.
DType inside(OnnxDataType type);

inline bool is_integer(OnnxDataType type) {
  return type == OnnxDataType::kInt64 || type == OnnxDataType::kInt32 ||
         type == OnnxDataType::kInt16 || type == OnnxDataType::kInt8 ||
         type == OnnxDataType::kUint8 || type == OnnxDataType::kUint16 ||
         type == OnnxDataType::kUint32 || type == OnnxDataType::kUint64;
}

struct Operand {
  OnnxDataType type = OnnxDataType::kUndefined;  // as the model has it
  graph::Shape shape;
  // In the graph, of the type inside(type); kNoValue where only the integers are known, until
  // something asks for the value.
  graph::ValueId value = graph::kNoValue;
  // The elements of integers and truths, where they are known.
  std::shared_ptr<const Integers> integers;
  // Named by an error, and nothing else is said of it: what made it is not supported.
  bool is_missing = false;
};

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_OPERAND_H_
