// The family of ONNX models: any graph of operators that Lasso has, as one program.
#ifndef LASSO_MODELS_ONNX_FAMILY_H_
#define LASSO_MODELS_ONNX_FAMILY_H_

#include "models/family.h"

namespace lasso::onnx {

const Family& family();

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_FAMILY_H_
