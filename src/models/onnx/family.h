// The family of ONNX models: any graph of operators that Lasso has, as one program.
#ifndef LASSO_MODELS_ONNX_FAMILY_H_
#define LASSO_MODELS_ONNX_FAMILY_H_

#include "formats/onnx/onnx_model.h"
#include "models/family.h"

namespace lasso::onnx {

// Reads and checks a model's file. Throws kUnsupported for what nodes need and Lasso does not read.
OnnxModel read_model(const ModelSource& source);

const Family& family();

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_FAMILY_H_
