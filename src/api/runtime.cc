#include "lasso/runtime.h"

#include "api/engine_impl.h"
#include "core/guard.h"
#include "runtimes/runtimes.h"

namespace lasso {

std::vector<std::string> runtime_names() {
  std::vector<std::string> names;
  for (const runtimes::Runtime* runtime : runtimes::all()) names.push_back(runtime->name());
  return names;
}

RuntimeInfo runtime_info(const std::string& runtime) {
  return guarded([&] { return runtimes::named(runtime).info(); });
}

std::unique_ptr<ModelRunner> open_runtime(const std::string& path, const RuntimeOptions& options) {
  return guarded([&] {
    RuntimeOptions checked = options;
    checked.threads = thread_count(options.threads);
    return runtimes::named(options.runtime).open(path, checked);
  });
}

}  // namespace lasso
