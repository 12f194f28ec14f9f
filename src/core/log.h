// Sending messages to the user's log callback.
#ifndef LASSO_CORE_LOG_H_
#define LASSO_CORE_LOG_H_

#include <string>

#include "lasso/log.h"

namespace lasso {

void log(LogLevel level, const std::string& message);

}  // namespace lasso

#endif  // LASSO_CORE_LOG_H_
