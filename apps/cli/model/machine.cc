#include "cli/model/machine.h"

#include <algorithm>

#include "cli/options.h"
#include "common/machine.h"
#include "core/cpu_features.h"

namespace lasso::app {

namespace {

std::ptrdiff_t rank(const std::string& isa) {
  const std::vector<std::string>& names = isa_names();
  return std::find(names.begin(), names.end(), isa) - names.begin();
}

}  // namespace

double Machine::peak_gflop_per_s(const std::string& precision, const std::string& isa) const {
  double peak = 0;
  for (const PeakRate& rate : peaks) {
    if (rate.precision != precision || rank(rate.isa) > rank(isa)) continue;
    peak = std::max(peak, rate.gflop_per_s);
  }
  return peak;
}

double Machine::gpu_peak_gflop_per_s(const std::string& device,
                                     const std::string& precision) const {
  for (const MachineGpu& gpu : gpus) {
    if (gpu.info.device == device) return gpu.peak_gflop_per_s(precision);
  }
  return 0;
}

OrderedJson to_json(const Machine& machine) {
  OrderedJson json = {{"cpu", machine.cpu},
                      {"cores", machine.cores},
                      {"isa", machine.isa},
                      {"memory_bytes", machine.memory_bytes},
                      {"peaks", OrderedJson::array()},
                      {"gpus", OrderedJson::array()}};
  for (const PeakRate& peak : machine.peaks) {
    json["peaks"].push_back({{"precision", peak.precision},
                             {"isa", peak.isa},
                             {"instruction", peak.instruction},
                             {"threads", peak.threads},
                             {"gflop_per_s", peak.gflop_per_s}});
  }
  for (const MachineGpu& gpu : machine.gpus) json["gpus"].push_back(to_json(gpu));
  return json;
}

Machine machine_from_json(const OrderedJson& json) {
  Machine machine{json.at("cpu").get<std::string>(),
                  json.at("cores").get<int>(),
                  json.at("isa").get<std::string>(),
                  json.at("memory_bytes").get<std::uint64_t>(),
                  {},
                  {}};
  for (const OrderedJson& peak : json.at("peaks")) {
    machine.peaks.push_back({peak.at("precision").get<std::string>(),
                             peak.at("isa").get<std::string>(),
                             peak.at("instruction").get<std::string>(),
                             peak.at("threads").get<int>(), peak.at("gflop_per_s").get<double>()});
  }
  for (const OrderedJson& gpu : json.at("gpus")) machine.gpus.push_back(gpu_from_json(gpu));
  return machine;
}

Machine measure_machine(int threads) {
  const MachineInfo info = machine_info(isa_cap());
  return {cpu_model(), info.cores, info.isa, total_memory(), measure_peaks(threads, isa_cap()), {}};
}

}  // namespace lasso::app
