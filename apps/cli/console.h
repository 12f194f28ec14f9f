// What a person sees: results on standard output, everything else on standard error.
#ifndef LASSO_CLI_CONSOLE_H_
#define LASSO_CLI_CONSOLE_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "cli/exit_codes.h"

namespace lasso::app {

// Called once, when the options are known. Also sends the library's log messages to standard error:
// warnings unless quiet, all of them if verbose.
void configure_console(bool quiet, bool verbose);

// Writes a line to standard output and flushes it. Ends the run quietly when nobody reads any more.
void print(std::string_view line);

// "lasso: error: MESSAGE" on one line of standard error; control characters are escaped.
void print_error(std::string_view message);
void print_warning(std::string_view message);  // silent if quiet
void print_note(std::string_view message);     // only if verbose

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// The text for standard output: coloured on a terminal (unless NO_COLOR is set), plain elsewhere.
std::string styled(Style style, std::string_view text);

// An arrow, in ASCII where the locale is not UTF-8.
const char* arrow();

bool quiet();

// While one lives, a line on the terminal says what is going on if it takes more than a second. At
// most one at a time. Nothing happens when standard error is not a terminal, or if quiet.
class Progress {
 public:
  explicit Progress(const std::string& what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set(const std::string& what);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Ends the process at once, in a handler: the words become one line on standard error.
[[noreturn]] void leave(std::initializer_list<std::string_view> words, Exit exit) noexcept;

// SIGINT ends the process with status 130, but not while a FileGuard lives: a file that is being
// written is finished first, so that none is left half-written. A mapped file that was cut short
// ends it as bus_error.h says; memory that is short where nothing may be thrown, with status 5.
void install_handlers();
// In a forked child: SIGINT ends it silently, and so do mapped files.
void restore_handlers();

}  // namespace lasso::app

#endif  // LASSO_CLI_CONSOLE_H_
