// A candidate of `lasso bench speed` that runs a program on random tensors.
#ifndef LASSO_CLI_BENCH_SPEED_TENSOR_RUNTIME_H_
#define LASSO_CLI_BENCH_SPEED_TENSOR_RUNTIME_H_

#include <memory>

#include "cli/bench/speed/runtime.h"

namespace lasso::app {

// Loads the model, on Lasso or another runtime, and makes the inputs.
std::unique_ptr<SpeedRuntime> make_tensor_runtime(const Operand& operand, const SpeedSetup& setup);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_TENSOR_RUNTIME_H_
