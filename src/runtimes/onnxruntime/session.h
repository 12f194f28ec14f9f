// A session of ONNX Runtime: a model that it has loaded.
#ifndef LASSO_RUNTIMES_ONNXRUNTIME_SESSION_H_
#define LASSO_RUNTIMES_ONNXRUNTIME_SESSION_H_

#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "lasso/runner.h"
#include "lasso/runtime.h"
#include "runtimes/onnxruntime/library.h"

namespace lasso::runtimes::onnxruntime {

// "cpu" of "CPUExecutionProvider".
std::string short_name(const std::string& provider);

// The library's name of a provider. Throws kUnsupported, with what the library offers.
std::string find_provider(const std::string& name);

// Loads the model. Throws what open_runtime() does.
Session open_session(const OnnxModel& model, const RuntimeOptions& options);

// What the session takes and gives. Dimensions that have no name are called after their input,
// "x_0". Throws kUnsupported for what is no tensor, and for types that ElementType lacks.
std::vector<ArgumentInfo> inputs_of(OrtSession* session, const std::string& path);
std::vector<ArgumentInfo> outputs_of(OrtSession* session, const std::string& path);

// An element type in Lasso and in ONNX Runtime.
struct TypeNames {
  ElementType type;
  ONNXTensorElementDataType onnx;
  const char* name;
  std::size_t bytes;
};
// Null for one that the other side lacks.
const TypeNames* find_type(ElementType type);
const TypeNames* find_type(ONNXTensorElementDataType type);

}  // namespace lasso::runtimes::onnxruntime

#endif  // LASSO_RUNTIMES_ONNXRUNTIME_SESSION_H_
