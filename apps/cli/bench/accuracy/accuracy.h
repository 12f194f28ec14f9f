#ifndef LASSO_CLI_BENCH_ACCURACY_ACCURACY_H_
#define LASSO_CLI_BENCH_ACCURACY_ACCURACY_H_

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace lasso::app {

void add_bench_accuracy(CLI::App* parent, Action* action);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_ACCURACY_H_
