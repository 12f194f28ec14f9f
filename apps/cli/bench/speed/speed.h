#ifndef LASSO_CLI_BENCH_SPEED_SPEED_H_
#define LASSO_CLI_BENCH_SPEED_SPEED_H_

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace lasso::app {

void add_bench_speed(CLI::App* parent, Action* action);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_SPEED_H_
