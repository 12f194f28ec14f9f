// Errors: every function of Lasso that fails throws lasso::Error.
#ifndef LASSO_ERROR_H_
#define LASSO_ERROR_H_

#include <stdexcept>
#include <string>

#include "lasso/export.h"

namespace lasso {

enum class ErrorCode {
  kInvalidArgument,  // The caller passed something that no file or device could make right.
  kNotFound,         // A file, program or tensor of that name does not exist.
  kCorruptFile,      // A file breaks the rules of its format, or ends too early.
  kUnsupported,      // Valid, but this build, device or release cannot do it.
  kOutOfMemory,      // Host or device memory is exhausted.
  kDevice,           // A device or a vendor library reported a failure.
  kInternal,         // A bug in Lasso.
};

// "invalid_argument", "not_found", ...: the names used in JSON output and in the documentation.
LASSO_EXPORT const char* to_string(ErrorCode code) noexcept;

// The message names the file, tensor or option, the value seen and what was expected.
class LASSO_EXPORT Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace lasso

#endif  // LASSO_ERROR_H_
