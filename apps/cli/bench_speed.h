#ifndef LASSO_CLI_BENCH_SPEED_H_
#define LASSO_CLI_BENCH_SPEED_H_

#include <CLI/CLI.hpp>

#include "options.h"

namespace lasso::cli {

void add_bench_speed(CLI::App* parent, Action* action);

}  // namespace lasso::cli

#endif  // LASSO_CLI_BENCH_SPEED_H_
