// A candidate of `lasso bench speed --detect`: pictures through a Detector.
#ifndef LASSO_CLI_BENCH_SPEED_DETECT_RUNTIME_H_
#define LASSO_CLI_BENCH_SPEED_DETECT_RUNTIME_H_

#include <memory>

#include "cli/bench/speed/runtime.h"

namespace lasso::app {

// Loads the model and the image. Throws Failure(kUsage) for another runtime than Lasso, and
// Failure(kBadModel) for a model that is no detector.
std::unique_ptr<SpeedRuntime> make_detect_runtime(const Operand& operand, const SpeedSetup& setup);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_DETECT_RUNTIME_H_
