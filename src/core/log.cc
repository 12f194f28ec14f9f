#include "core/log.h"

#include <memory>
#include <mutex>
#include <utility>

namespace lasso {

namespace {

struct State {
  std::mutex mutex;
  std::shared_ptr<const LogCallback> callback;
  // One call at a time; a callback that calls into Lasso again logs from the same thread.
  std::recursive_mutex calls;
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

void set_log_callback(LogCallback callback) {
  auto shared = callback ? std::make_shared<const LogCallback>(std::move(callback)) : nullptr;
  const std::lock_guard lock(state().mutex);
  state().callback = std::move(shared);
}

void log(LogLevel level, const std::string& message) {
  std::shared_ptr<const LogCallback> callback;
  {
    const std::lock_guard lock(state().mutex);
    callback = state().callback;
  }
  if (callback == nullptr) return;
  const std::lock_guard lock(state().calls);
  (*callback)(level, message);
}

}  // namespace lasso
