// Log messages. The library is silent until a callback is set.
#ifndef LASSO_LOG_H_
#define LASSO_LOG_H_

#include <functional>
#include <string>

#include "lasso/export.h"

namespace lasso {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogCallback = std::function<void(LogLevel level, const std::string& message)>;

// Sets the process's callback; an empty function silences the library again. May be called from any
// thread; the callback itself is called from any thread that runs Lasso, one call at a time, and
// must not throw.
LASSO_EXPORT void set_log_callback(LogCallback callback);

}  // namespace lasso

#endif  // LASSO_LOG_H_
