// The form of the help texts.
#ifndef LASSO_CLI_HELP_H_
#define LASSO_CLI_HELP_H_

#include <CLI/CLI.hpp>
#include <string>

namespace lasso::app {

// Help in man-page style: usage, groups of options with wrapped texts, examples.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

// The option that a mistyped one most likely meant, or empty.
std::string closest_option(const CLI::App& app, const std::string& mistyped);

// The text of synopsis and the examples of a subcommand.
void describe_command(CLI::App* app, const std::string& usage, const std::string& epilogue);

}  // namespace lasso::app

#endif  // LASSO_CLI_HELP_H_
