// The subcommands of `lasso bench`.
#ifndef LASSO_CLI_BENCH_BENCH_H_
#define LASSO_CLI_BENCH_BENCH_H_

#include "cli/options.h"
#include "cli/parser.h"

namespace lasso::app {

void add_bench_speed(CLI::App* parent, Action* action);
void add_bench_accuracy(CLI::App* parent, Action* action);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_BENCH_H_
