// lasso bench: measuring.

#include "cli/bench/bench.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/help.h"

namespace lasso::app {

void add_bench(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("bench", "Measure speed or accuracy.");
  app->require_subcommand(1);
  add_bench_speed(app, action);
  add_bench_accuracy(app, action);
  describe_command(app, "lasso bench speed|accuracy [OPTIONS]",
                   "\"lasso bench accuracy --help\" tells about a command.\n");
}

}  // namespace lasso::app
