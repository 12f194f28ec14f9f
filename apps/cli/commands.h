// The subcommands. Each adds itself to its parent and sets the action when it is the one that was
// chosen.
#ifndef LASSO_CLI_COMMANDS_H_
#define LASSO_CLI_COMMANDS_H_

#include "cli/options.h"
#include "cli/parser.h"

namespace lasso::app {

void add_segment(CLI::App* parent, Action* action);
void add_detect(CLI::App* parent, Action* action);
void add_build(CLI::App* parent, Action* action);
void add_export(CLI::App* parent, Action* action);
void add_run(CLI::App* parent, Action* action);
void add_inspect(CLI::App* parent, Action* action);
void add_compare(CLI::App* parent, Action* action);
void add_bench(CLI::App* parent, Action* action);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMMANDS_H_
