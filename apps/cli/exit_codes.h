// Exit statuses of the command line, and the one place where errors become statuses.
#ifndef LASSO_CLI_EXIT_CODES_H_
#define LASSO_CLI_EXIT_CODES_H_

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/errors.h"
#include "lasso/error.h"

namespace lasso::app {

enum class Exit : int {
  kDone = 0,
  kSomeFailed = 1,       // some inputs failed; each was named, the others are done
  kUsage = 2,            // wrong options or values
  kBadModel = 3,         // bad or missing model file
  kUnsupported = 4,      // this machine, build or release cannot do it
  kDeviceOrMemory = 5,   // device failure or out of memory
  kThresholdMissed = 6,  // compare: the difference is above the tolerance
  kInternal = 70,        // a bug in Lasso
  kInterrupted = 130,
};

// An error that ends the program with a given status.
class Failure : public std::runtime_error {
 public:
  Failure(Exit exit, const std::string& message) : std::runtime_error(message), exit_(exit) {}
  Exit exit() const noexcept { return exit_; }

 private:
  Exit exit_;
};

template <typename... Args>
[[noreturn]] void usage_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(Exit::kUsage, fmt::format(format, std::forward<Args>(args)...));
}

// Returns f(), which reads or checks a file or folder that an option names: what is wrong with it
// is wrong usage, and the message begins with the option. Errors that end the run pass through.
template <typename F>
auto for_option(const std::string& option, F&& f) {
  try {
    return f();
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw;
    usage_error("{} {}", option, error.what());
  }
}

// What was being done when the library threw.
enum class Stage { kModel, kEngineFile, kOther };

// The status for an error of the library. While a model is opened, a file that is missing, broken
// or of another family is a bad model; a CPU that lacks what Lasso or an engine file needs is never
// the file's fault.
Exit exit_for(const lasso::Error& error, Stage stage);

// True where the CPU has the instructions that every kernel of Lasso needs (AVX2, FMA and BMI2).
bool cpu_is_supported();

struct Described {
  Exit exit;
  std::string message;
};

// Status and message for any exception.
Described describe(const std::exception_ptr& error);

}  // namespace lasso::app

#endif  // LASSO_CLI_EXIT_CODES_H_
