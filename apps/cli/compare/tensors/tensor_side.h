// The child's end of a comparison of models on named tensors.
#ifndef LASSO_CLI_COMPARE_TENSORS_TENSOR_SIDE_H_
#define LASSO_CLI_COMPARE_TENSORS_TENSOR_SIDE_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/compare/compare_side.h"
#include "cli/compare/tensors/align_layers.h"
#include "cli/model/child.h"
#include "cli/model/model.h"
#include "cli/model/operand.h"
#include "common/json_text.h"
#include "lasso/runner.h"

namespace lasso::app {

// Opens the operand's file on Lasso's own runtime, whatever model it is.
OpenModel open_for_tensors(const Operand& operand, const ModelOptions& model,
                           const RunOptions& run);

// Sends a kInfo record about the program and its arguments and serves requests until the parent is
// gone:
//   {"inputs": [InputTask...], "seed": N}  makes the inputs; an empty answer
//   {"run": TRACE}  runs the program once: "ms", with TRACE also "layers", [name, op, shape] each
//   {"output": NAME}  a kTensor record of the last run's result
//   {"layers": true}  runs it once more: a kTensor record of every layer with values, with "index"
//                     among what "run" said, then an empty answer. On Lasso's own runtime alone
//   {"values": [NAME...]}  runs it with these values as outputs: a kTensor record of each, then an
//                          empty answer. On other runtimes alone
// `model` is one that is open already.
void serve_tensors(const Operand& operand, const SideTask& task, const RunOptions& run,
                   std::optional<OpenModel> model, Parent* parent);

// What the info says of arguments and layers, for the parent.
std::vector<ArgumentInfo> arguments_from_json(const OrderedJson& json);
std::vector<LayerKey> layers_from_json(const OrderedJson& json);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_TENSOR_SIDE_H_
