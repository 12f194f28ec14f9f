// Inputs with values that do not change from run to run.
#ifndef LASSO_CLI_MODEL_FIXED_INPUTS_H_
#define LASSO_CLI_MODEL_FIXED_INPUTS_H_

#include <map>
#include <memory>
#include <string>

#include "lasso/model_runner.h"
#include "lasso/tensor.h"

namespace lasso::app {

// `runner` with those of its inputs given that `fixed` names: what engines do whose inputs are
// fixed where they are built, for runtimes that do not. Throws lasso::Error (kInvalidArgument) for
// a name that is none of its inputs.
std::unique_ptr<lasso::ModelRunner> with_fixed_inputs(
    std::unique_ptr<lasso::ModelRunner> runner, std::map<std::string, lasso::HostTensor> fixed);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_FIXED_INPUTS_H_
