#include "cli/model/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/console.h"
#include "cli/values.h"
#include "lasso/error.h"

namespace lasso::app {

namespace {

// Calls f(key, member) for every figure that may be absent, in the order of their JSON.
template <typename F>
void for_each_figure(const F& f) {
  f("sm_clock_mhz", &GpuState::sm_clock_mhz);
  f("most_sm_clock_mhz", &GpuState::most_sm_clock_mhz);
  f("memory_clock_mhz", &GpuState::memory_clock_mhz);
  f("power_w", &GpuState::power_w);
  f("power_limit_w", &GpuState::power_limit_w);
  f("temperature_c", &GpuState::temperature_c);
  f("memory_used_bytes", &GpuState::memory_used_bytes);
  f("memory_bytes", &GpuState::memory_bytes);
}

// All values of a figure, in ascending order.
template <typename T>
std::vector<T> sorted(const std::vector<GpuState>& states, std::optional<T> GpuState::*figure) {
  std::vector<T> values;
  for (const GpuState& state : states) {
    if (state.*figure) values.push_back(*(state.*figure));
  }
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

double MachineGpu::peak_gflop_per_s(const std::string& precision) const {
  for (const GpuRate& rate : peaks.rates) {
    if (rate.precision == precision) return rate.gflop_per_s;
  }
  return 0;
}

std::string describe_gpu(const GpuInfo& gpu) {
  std::string text = fmt::format("{} ({}, {})", gpu.device, gpu.model, gpu.isa);
  if (capability_of(gpu.isa).value_or(0) >= kLeastCapability) return text;
  return fmt::format("{} (below sm_{}: can't be used)", text, kLeastCapability);
}

OrderedJson to_json(const MachineGpu& gpu) {
  OrderedJson json = {{"device", gpu.info.device},
                      {"model", gpu.info.model},
                      {"isa", gpu.info.isa},
                      {"multiprocessors", gpu.info.multiprocessors},
                      {"memory_bytes", gpu.info.memory_bytes},
                      {"driver", gpu.info.driver},
                      {"libraries", gpu.info.libraries},
                      {"peaks", OrderedJson::array()}};
  for (const GpuRate& rate : gpu.peaks.rates) {
    json["peaks"].push_back({{"precision", rate.precision},
                             {"kernel", rate.kernel},
                             {"gflop_per_s", rate.gflop_per_s}});
  }
  if (gpu.peaks.bytes_per_s > 0) json["bandwidth_bytes_per_s"] = gpu.peaks.bytes_per_s;
  return json;
}

MachineGpu gpu_from_json(const OrderedJson& json) {
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  MachineGpu gpu;
  gpu.info = {text("device"),
              text("model"),
              text("isa"),
              json.at("multiprocessors").get<int>(),
              json.at("memory_bytes").get<std::uint64_t>(),
              text("driver"),
              text("libraries")};
  gpu.peaks.device = gpu.info.device;
  for (const OrderedJson& rate : json.at("peaks")) {
    gpu.peaks.rates.push_back({rate.at("precision").get<std::string>(),
                               rate.at("kernel").get<std::string>(),
                               rate.at("gflop_per_s").get<double>()});
  }
  gpu.peaks.bytes_per_s = json.value("bandwidth_bytes_per_s", 0.0);
  return gpu;
}

MachineGpu measure_gpu(const std::string& device) {
  MachineGpu gpu;
  for (GpuInfo& info : gpus()) {
    if (info.device == device) gpu.info = std::move(info);
  }
  try {
    gpu.peaks = gpu_peaks(device);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    print_warning(fmt::format("no peak is measured: {}", error.what()));
  }
  return gpu;
}

void add_measurement(const MachineGpu& measured, std::vector<MachineGpu>* gpus) {
  const auto known = std::find_if(gpus->begin(), gpus->end(), [&](const MachineGpu& gpu) {
    return gpu.info.device == measured.info.device;
  });
  if (known == gpus->end()) {
    gpus->push_back(measured);
    return;
  }
  GpuPeaks best = measured.peaks.rates.empty() ? known->peaks : measured.peaks;
  for (GpuRate& rate : best.rates) {
    rate.gflop_per_s = std::max(rate.gflop_per_s, known->peak_gflop_per_s(rate.precision));
  }
  best.bytes_per_s = std::max(best.bytes_per_s, known->peaks.bytes_per_s);
  known->peaks = std::move(best);
}

OrderedJson to_json(const GpuState& state) {
  OrderedJson json = OrderedJson::object();
  for_each_figure([&](const char* key, auto figure) {
    if (state.*figure) json[key] = *(state.*figure);
  });
  json["own_memory_bytes"] = state.own_memory_bytes;
  json["most_own_memory_bytes"] = state.most_own_memory_bytes;
  return json;
}

GpuState gpu_state_from_json(const OrderedJson& json) {
  GpuState state;
  for_each_figure([&](const char* key, auto figure) {
    if (json.contains(key)) json.at(key).get_to((state.*figure).emplace());
  });
  json.at("own_memory_bytes").get_to(state.own_memory_bytes);
  json.at("most_own_memory_bytes").get_to(state.most_own_memory_bytes);
  return state;
}

GpuState summary_of(const std::vector<GpuState>& states) {
  GpuState summary;
  for_each_figure([&](const char* /*key*/, auto figure) {
    const auto values = sorted(states, figure);
    if (!values.empty()) summary.*figure = values.back();
  });
  for (const auto clock : {&GpuState::sm_clock_mhz, &GpuState::memory_clock_mhz}) {
    const std::vector<int> values = sorted(states, clock);
    if (!values.empty()) summary.*clock = values[values.size() / 2];
  }
  for (const GpuState& state : states) {
    summary.own_memory_bytes = std::max(summary.own_memory_bytes, state.own_memory_bytes);
    summary.most_own_memory_bytes =
        std::max(summary.most_own_memory_bytes, state.most_own_memory_bytes);
  }
  return summary;
}

}  // namespace lasso::app
