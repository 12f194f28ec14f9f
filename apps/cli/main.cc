// The command line of Lasso.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "cli/model/gpu.h"
#include "cli/options.h"
#include "cli/values.h"
#include "common/machine.h"
#include "lasso/error.h"
#include "lasso/machine.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

// The GPUs, or why there are none.
std::string gpus_text() {
  std::string text;
  try {
    for (const GpuInfo& gpu : lasso::gpus()) {
      text += ", " + describe_gpu(gpu);
    }
  } catch (const lasso::Error& error) {
    text = fmt::format("; no GPU: {}", error.what());
  }
  return text;
}

std::string version_text() {
  return "lasso " LASSO_VERSION "\nbuilt with " + build_description() + "\ndevices: cpu" +
         gpus_text();
}

// The deepest subcommand that was named: its help is the one to point to.
const CLI::App* chosen(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? app->get_name() : full_name(parent) + " " + app->get_name();
}

std::vector<std::string> command_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// CLI11's complaint about the command line in Lasso's words.
void print_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = chosen(&app);
  const std::vector<std::string> commands = command_names(command);
  const std::vector<std::string> extras = command->remaining();
  std::string message = error.what();
  if (!commands.empty() && extras.empty()) {
    message = "no command: expected " + join_choices(commands);
  } else if (!extras.empty() && extras.front().rfind('-', 0) == 0) {
    message = extras.front() + ": no such option";
    const std::string closest = closest_option(*command, extras.front());
    if (!closest.empty()) message += "; did you mean " + closest + "?";
  } else if (!extras.empty()) {
    message = extras.front() + (commands.empty()
                                    ? ": not expected here"
                                    : ": no such command; expected " + join_choices(commands));
  }
  if (error.get_name() == "ArgumentMismatch") {
    const std::string option = message.substr(0, message.find(": "));
    if (message.find("missing") != std::string::npos) message = option + ": needs a value";
    if (const std::size_t most = message.find("At Most "); most != std::string::npos) {
      const std::string number = message.substr(most + 8, message.find(' ', most + 8) - most - 8);
      message = number == "1" ? option + ": given twice"
                              : option + ": given more than " + number + " times";
    }
  }
  print_error(message + " (see " + full_name(command) + " --help)");
}

int run(int argc, char** argv) {
  CLI::App app(
      "Lasso segments images with Segment Anything models and finds objects with YOLOv7's, without "
      "Python.",
      "lasso");
  app.formatter(std::make_shared<HelpFormatter>());
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", version_text, "Show the version and exit.");
  app.require_subcommand(1);
  Action action;
  add_segment(&app, &action);
  add_detect(&app, &action);
  add_build(&app, &action);
  add_export(&app, &action);
  add_run(&app, &action);
  add_inspect(&app, &action);
  add_compare(&app, &action);
  add_bench(&app, &action);
  describe_command(&app, "lasso COMMAND [OPTIONS]",
                   "\"lasso COMMAND --help\" tells about a command.\n");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help or --version
      std::string text = error.get_name() == "CallForHelp" ? chosen(&app)->help() : error.what();
      while (!text.empty() && text.back() == '\n') text.pop_back();
      print(text);
      return static_cast<int>(Exit::kDone);
    }
    print_usage_error(app, error);
    return static_cast<int>(Exit::kUsage);
  }
  return static_cast<int>(action());
}

}  // namespace

}  // namespace lasso::app

int main(int argc, char** argv) {
  lasso::app::install_handlers();
  try {
    return lasso::app::run(argc, argv);
  } catch (...) {
    const lasso::app::Described error = lasso::app::describe(std::current_exception());
    lasso::app::print_error(error.message);
    return static_cast<int>(error.exit);
  }
}
