#include "core/log.h"

#include <mutex>
#include <utility>

namespace lasso {

namespace {

struct State {
  std::mutex mutex;
  LogCallback callback;
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

void set_log_callback(LogCallback callback) {
  const std::lock_guard lock(state().mutex);
  state().callback = std::move(callback);
}

void log(LogLevel level, const std::string& message) {
  const std::lock_guard lock(state().mutex);
  if (state().callback) state().callback(level, message);
}

}  // namespace lasso
