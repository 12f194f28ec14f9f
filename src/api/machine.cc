#include "lasso/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "api/devices.h"
#include "core/check.h"
#include "core/cpu_features.h"
#include "core/guard.h"
#include "core/peak.h"
#include "core/threads.h"
#include "kernels/device_library.h"
#include "kernels/device_peaks.h"
#include "kernels/registry.h"

namespace lasso {

namespace {

// "oneDNN 2.6.3"
std::string libraries_text(const std::map<std::string, std::string>& libraries) {
  std::string text;
  for (const auto& [name, version] : libraries) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, version);
  }
  return text;
}

// The index of the first GPU of a device.
int gpu_of(const std::string& device) {
  const DeviceChoice choice = parse_device(device);
  LASSO_CHECK(!choice.indices.empty(), ErrorCode::kInvalidArgument,
              "device \"{}\": expected a GPU, such as cuda:0", device);
  const int index = choice.indices.front();
  const auto count =
      static_cast<int>(kernels::device_library(backend::DeviceKind::kCuda).devices().size());
  LASSO_CHECK(index < count, ErrorCode::kNotFound, "device \"{}\": the last GPU is cuda:{}", device,
              count - 1);
  return index;
}

}  // namespace

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
    const auto& library = kernels::device_library(backend::DeviceKind::kCuda);
    std::vector<GpuInfo> infos;
    for (const backend::DeviceInfo& device : library.devices()) {
      infos.push_back({fmt::format("cuda:{}", infos.size()), device.model,
                       fmt::format("sm_{}", device.sm), device.multiprocessors, device.memory_bytes,
                       library.driver(), libraries_text(library.libraries())});
    }
    return infos;
  });
}

GpuState gpu_state(const std::string& device) {
  return guarded([&] {
    const int index = gpu_of(device);
    return kernels::device_library(backend::DeviceKind::kCuda).state(index);
  });
}

GpuPeaks gpu_peaks(const std::string& device) {
  return guarded([&] { return kernels::measure_gpu(gpu_of(device)); });
}

std::string compute_libraries() {
  return libraries_text(kernels::libraries(backend::DeviceKind::kCpu));
}

}  // namespace lasso
