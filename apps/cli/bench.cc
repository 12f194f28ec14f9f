// lasso bench: measuring.

#include "bench_speed.h"
#include "commands.h"

namespace lasso::cli {

void add_bench(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("bench", "Measure speed.");
  app->require_subcommand(1);
  add_bench_speed(app, action);
  describe_command(app, "lasso bench speed [OPTIONS]",
                   "\"lasso bench speed --help\" tells about the command.\n");
}

}  // namespace lasso::cli
