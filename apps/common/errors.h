// Errors that programs tell apart.
#ifndef LASSO_COMMON_ERRORS_H_
#define LASSO_COMMON_ERRORS_H_

#include <string>

#include "lasso/error.h"

namespace lasso::app {

// True for errors that end the run even when other inputs wait: no memory, a failing device, a bug.
inline bool is_fatal(const Error& error) {
  return error.code() == ErrorCode::kOutOfMemory || error.code() == ErrorCode::kDevice ||
         error.code() == ErrorCode::kInternal;
}

// A result can't be written; its inputs are not at fault.
class OutputError : public Error {
 public:
  explicit OutputError(const std::string& message) : Error(ErrorCode::kInvalidArgument, message) {}
};

// The message of an error with the files that were written before it, so that none is left without
// a name; `files` is a list of paths, "" if there are none.
inline std::string with_written(const std::string& message, const std::string& files) {
  return files.empty() ? message : message + " (written before: " + files + ")";
}

}  // namespace lasso::app

#endif  // LASSO_COMMON_ERRORS_H_
