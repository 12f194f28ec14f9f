// What the library logs.
#ifndef LASSO_TESTS_SUPPORT_LOG_CAPTURE_H_
#define LASSO_TESTS_SUPPORT_LOG_CAPTURE_H_

#include <string>
#include <utility>
#include <vector>

#include "lasso/log.h"

namespace lasso::test {

// Keeps the messages that are logged while it lives. One at a time.
class LogCapture {
 public:
  LogCapture() {
    set_log_callback([this](LogLevel level, const std::string& message) {
      if (level == LogLevel::kWarning) warnings_.push_back(message);
    });
  }
  ~LogCapture() { set_log_callback({}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // The warnings so far, which are forgotten.
  std::vector<std::string> take() { return std::exchange(warnings_, {}); }

 private:
  std::vector<std::string> warnings_;
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_LOG_CAPTURE_H_
