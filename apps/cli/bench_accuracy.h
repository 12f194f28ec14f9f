#ifndef LASSO_CLI_BENCH_ACCURACY_H_
#define LASSO_CLI_BENCH_ACCURACY_H_

#include <CLI/CLI.hpp>

#include "options.h"

namespace lasso::cli {

void add_bench_accuracy(CLI::App* parent, Action* action);

}  // namespace lasso::cli

#endif  // LASSO_CLI_BENCH_ACCURACY_H_
