// An ONNX file as ONNX Runtime is given it.
#ifndef LASSO_RUNTIMES_ONNXRUNTIME_MODEL_BYTES_H_
#define LASSO_RUNTIMES_ONNXRUNTIME_MODEL_BYTES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace lasso::runtimes::onnxruntime {

// Throws kInvalidArgument for a name that no node of the model's outermost graph computes.
void check_names(const OnnxModel& model, const std::vector<std::string>& values);

// The file's bytes with more outputs. In Protocol Buffers' wire format, what stands later is merged
// into what stands earlier: a second graph that has outputs alone adds them to the first one.
// Throws kUnsupported for a file of 2 GiB, the limit of that format's library.
std::vector<std::byte> with_outputs(const OnnxModel& model, const std::vector<std::string>& values);

}  // namespace lasso::runtimes::onnxruntime

#endif  // LASSO_RUNTIMES_ONNXRUNTIME_MODEL_BYTES_H_
