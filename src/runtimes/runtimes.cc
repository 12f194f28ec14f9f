#include "runtimes/runtimes.h"

#include <fmt/ranges.h>

#include "core/check.h"
#include "runtimes/onnxruntime/onnxruntime.h"

namespace lasso::runtimes {

const std::vector<const Runtime*>& all() {
  static const std::vector<const Runtime*> list = {&onnxruntime::runtime()};
  return list;
}

const Runtime& named(const std::string& name) {
  std::vector<std::string> known;
  for (const Runtime* runtime : all()) {
    if (runtime->name() == name) return *runtime;
    known.push_back(runtime->name());
  }
  fail(ErrorCode::kInvalidArgument, "runtime \"{}\": expected {}", name, fmt::join(known, " or "));
}

}  // namespace lasso::runtimes

// Here, since this is the lowest room that has one.
lasso::ModelRunner::~ModelRunner() = default;
