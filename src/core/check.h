// Throwing errors with a formatted message.
#ifndef LASSO_CORE_CHECK_H_
#define LASSO_CORE_CHECK_H_

#include <fmt/format.h>

#include <utility>

#include "lasso/error.h"

namespace lasso {

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lasso

// LASSO_CHECK(condition, ErrorCode::kCorruptFile, "{}: ...", path): throws lasso::Error unless the
// condition holds. The message is formatted only when it does not.
#define LASSO_CHECK(condition, code, ...) \
  do {                                    \
    if (!(condition)) [[unlikely]]        \
      ::lasso::fail((code), __VA_ARGS__); \
  } while (false)

#endif  // LASSO_CORE_CHECK_H_
