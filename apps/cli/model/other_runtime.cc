#include "cli/model/other_runtime.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "cli/exit_codes.h"

namespace lasso::app {

void refuse_kernel_options(const RunOptions& run) {
  const std::array<std::pair<bool, const char*>, 6> options = {
      {{!run.precision.empty(), "--precision"},
       {!run.isa.empty(), "--isa"},
       {run.kernels != "fast", "--kernels"},
       {run.tf32, "--tf32"},
       {run.synchronous, "--synchronous"},
       {run.device_memory_limit > 0, "--device-memory-limit"}}};
  for (const auto& [given, name] : options) {
    if (!given) continue;
    usage_error("{}: is for Lasso's own runtime, and the runtime is {}", name, run.runtime);
  }
  if (!run.provider.empty() && !run.device.empty() && run.device != run.provider) {
    usage_error("--device {} and --provider {}: expected one of them", run.device, run.provider);
  }
}

std::string provider_of(const RunOptions& run) {
  if (!run.provider.empty()) return run.provider;
  return run.on_gpu() ? "cuda" : "cpu";
}

OrderedJson settings_json(const RuntimeSettings& settings) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : settings) json[name] = value;
  return json;
}

std::string settings_text(const RuntimeSettings& settings) {
  return settings_text(settings_json(settings));
}

std::string settings_text(const OrderedJson& settings) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : settings.items()) {
    const auto text = value.get<std::string>();
    parts.push_back(name == "runtime" ? text : fmt::format("{} {}", name, text));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace lasso::app
