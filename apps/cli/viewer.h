// Opening a result in the program that the desktop has for it.
#ifndef LASSO_CLI_VIEWER_H_
#define LASSO_CLI_VIEWER_H_

#include <string>

#include "cli/parser.h"

namespace lasso::app {

// --show
void add_show_option(CLI::App* app, bool* show, const std::string& what, const std::string& group);

// Throws Failure (status 4) where nothing can be shown: no display, or no xdg-open.
void check_viewer();

// Starts xdg-open for a file and does not wait for it. The viewer is in a session of its own, so
// that what ends this program leaves it alone, and has none of its streams. A warning says what
// went wrong.
void show_file(const std::string& path);

}  // namespace lasso::app

#endif  // LASSO_CLI_VIEWER_H_
