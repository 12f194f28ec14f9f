// lasso inspect MODEL.onnx: what is in an ONNX model.
#ifndef LASSO_CLI_INSPECT_INSPECT_ONNX_H_
#define LASSO_CLI_INSPECT_INSPECT_ONNX_H_

#include <string>

#include "cli/options.h"

namespace lasso::app {

// Whether the file is an ONNX model; false if there is none.
bool is_onnx(const std::string& path);

// Prints what is in it and how it would run, or what keeps it from that, as text unless quiet, or
// as JSON. Throws Failure for a model that can't be read, or whose values do not hang together.
void inspect_onnx(const std::string& path, const ModelOptions& options, const RunOptions& run,
                  bool json);

}  // namespace lasso::app

#endif  // LASSO_CLI_INSPECT_INSPECT_ONNX_H_
