#include "common/machine.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include "cli/options.h"

namespace lasso::app {

namespace {

// The value of "key : value" in a file of /proc.
std::string proc_value(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

// "123456 kB"
std::uint64_t proc_bytes(const char* path, std::string_view key) {
  return std::strtoull(proc_value(path, key).c_str(), nullptr, 10) * 1024;
}

// A file with one number; none for "max", and where there is no such file.
std::uint64_t number_in(const char* path, std::uint64_t otherwise) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : otherwise;
}

// Free in the control group, by version 2 or 1 of the interface.
std::uint64_t available_in_group() {
  constexpr std::uint64_t kNoLimit = UINT64_MAX;
  const auto rest = [](const char* limit_path, const char* used_path) {
    const std::uint64_t limit = number_in(limit_path, kNoLimit);
    const std::uint64_t used = number_in(used_path, 0);
    if (limit == kNoLimit) return kNoLimit;
    return limit > used ? limit - used : 0;
  };
  return std::min(rest("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
                  rest("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                       "/sys/fs/cgroup/memory/memory.usage_in_bytes"));
}

std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./,:=@+%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::ptrdiff_t rank(const std::string& isa) {
  return std::find(isa_names().begin(), isa_names().end(), isa) - isa_names().begin();
}

}  // namespace

std::string build_description() {
#if defined(__clang__)
  const std::string compiler = "Clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
#ifdef NDEBUG
  return compiler + ", release";
#else
  return compiler + ", with assertions";
#endif
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command = "lasso";
  std::string argument;
  std::getline(file, argument, '\0');  // the program's own path
  while (std::getline(file, argument, '\0')) command += " " + shell_word(argument);
  return command;
}

std::string cpu_name() { return proc_value("/proc/cpuinfo", "model name"); }

std::uint64_t total_memory() { return proc_bytes("/proc/meminfo", "MemTotal"); }

std::uint64_t available_memory() {
  return std::min(proc_bytes("/proc/meminfo", "MemAvailable"), available_in_group());
}

std::uint64_t peak_resident_memory() { return proc_bytes("/proc/self/status", "VmHWM"); }

double Machine::peak_gflop_per_s(const std::string& precision, const std::string& isa) const {
  double peak = 0;
  for (const PeakRate& rate : peaks) {
    if (rate.precision != precision || rank(rate.isa) > rank(isa)) continue;
    peak = std::max(peak, rate.gflop_per_s);
  }
  return peak;
}

Json to_json(const Machine& machine) {
  Json json = {{"cpu", machine.cpu},
               {"cores", machine.cores},
               {"isa", machine.isa},
               {"memory_bytes", machine.memory_bytes},
               {"peaks", Json::array()}};
  for (const PeakRate& peak : machine.peaks) {
    json["peaks"].push_back({{"precision", peak.precision},
                             {"isa", peak.isa},
                             {"instruction", peak.instruction},
                             {"threads", peak.threads},
                             {"gflop_per_s", peak.gflop_per_s}});
  }
  return json;
}

Machine machine_from_json(const Json& json) {
  Machine machine{json.at("cpu").get<std::string>(),
                  json.at("cores").get<int>(),
                  json.at("isa").get<std::string>(),
                  json.at("memory_bytes").get<std::uint64_t>(),
                  {}};
  for (const Json& peak : json.at("peaks")) {
    machine.peaks.push_back({peak.at("precision").get<std::string>(),
                             peak.at("isa").get<std::string>(),
                             peak.at("instruction").get<std::string>(),
                             peak.at("threads").get<int>(), peak.at("gflop_per_s").get<double>()});
  }
  return machine;
}

Machine measure_machine(int threads) {
  const MachineInfo info = machine_info();
  return {cpu_name(), info.cores, info.isa, total_memory(), measure_peaks(threads)};
}

}  // namespace lasso::app
