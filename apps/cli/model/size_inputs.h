// Inputs whose values are sizes of a run, such as that of the original image: random numbers are
// none.
#ifndef LASSO_CLI_MODEL_SIZE_INPUTS_H_
#define LASSO_CLI_MODEL_SIZE_INPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model/argument_shapes.h"
#include "cli/options.h"
#include "lasso/argument.h"

namespace lasso::app {

// As large as the sizes that outputs usually have.
std::int64_t typical_size(const std::vector<ArgumentInfo>& outputs);

// A typical value for each such input, by name.
SymbolSizes size_inputs(const std::vector<ArgumentInfo>& inputs,
                        const std::vector<ArgumentInfo>& outputs);
// The same for the ONNX model that model.model names, which another runtime runs, by how Lasso
// would; none where it can't. Reads the file in a process of its own: this one, which must not have
// threads yet, is measured.
SymbolSizes size_inputs_of(const ModelOptions& model);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_SIZE_INPUTS_H_
