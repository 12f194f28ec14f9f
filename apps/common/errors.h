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

}  // namespace lasso::app

#endif  // LASSO_COMMON_ERRORS_H_
