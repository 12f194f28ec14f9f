#include "lasso/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.h"
#include "core/cpu_features.h"
#include "core/guard.h"
#include "core/peak.h"
#include "core/threads.h"
#include "kernels/device_library.h"
#include "kernels/registry.h"

namespace lasso {

MachineInfo machine_info(const std::string& isa) {
  return guarded([&] {
    return MachineInfo{available_cores(), default_threads(),
                       std::string(best_name(cpu_features(isa)))};
  });
}

std::vector<std::string> isa_names() {
  const std::vector<std::string_view> names = cpu_feature_names();
  return {names.begin(), names.end()};
}

std::vector<PeakRate> measure_peaks(int threads, const std::string& isa) {
  LASSO_CHECK(threads >= 0, ErrorCode::kInvalidArgument,
              "threads is {}: expected 0 (the default number) or more", threads);
  return guarded([&] {
    const int count = threads == 0 ? default_threads() : std::min(threads, available_cores());
    const CpuFeatures features = cpu_features(isa);
    std::vector<PeakRate> peaks;
    for (const MultiplyAdd multiply_add : kMultiplyAdds) {
      const MultiplyAddInfo about = info(multiply_add);
      if (!features.has(about.feature)) continue;
      peaks.push_back({std::string(about.precision), std::string(to_string(about.feature)),
                       std::string(about.instruction), count,
                       peak_rate(multiply_add, count) * 1e-9});
    }
    return peaks;
  });
}

std::vector<GpuInfo> gpus() {
  return guarded([] {
    std::vector<GpuInfo> infos;
    for (const kernels::DeviceInfo& device :
         kernels::device_library(backend::DeviceKind::kCuda).devices()) {
      infos.push_back({fmt::format("cuda:{}", infos.size()), device.model,
                       fmt::format("sm_{}", device.sm), device.multiprocessors,
                       device.memory_bytes});
    }
    return infos;
  });
}

std::string compute_libraries() {
  std::string text;
  for (const auto& [name, version] : kernels::libraries(backend::DeviceKind::kCpu)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, version);
  }
  return text;
}

}  // namespace lasso
