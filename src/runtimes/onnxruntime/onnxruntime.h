// ONNX Runtime, whose library is loaded when it is first asked for.
#ifndef LASSO_RUNTIMES_ONNXRUNTIME_ONNXRUNTIME_H_
#define LASSO_RUNTIMES_ONNXRUNTIME_ONNXRUNTIME_H_

#include "runtimes/runtimes.h"

namespace lasso::runtimes::onnxruntime {

const Runtime& runtime();

}  // namespace lasso::runtimes::onnxruntime

#endif  // LASSO_RUNTIMES_ONNXRUNTIME_ONNXRUNTIME_H_
