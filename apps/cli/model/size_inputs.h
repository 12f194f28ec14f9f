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

// The largest size for which kernels of an output's symbol are chosen.
std::int64_t typical_size(const std::vector<ArgumentInfo>& outputs);

// A value for each such input, by name: as large as outputs usually are, or as the largest number
// in their shapes.
SymbolSizes size_inputs(const std::vector<ArgumentInfo>& inputs,
                        const std::vector<ArgumentInfo>& outputs);
// The same for the ONNX model that model.model names, which another runtime runs, by how Lasso
// would; none where it can't. Reads the file in a process of its own: this one, which must not have
// threads yet, is measured.
SymbolSizes size_inputs_of(const ModelOptions& model);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_SIZE_INPUTS_H_
