#include "common/machine.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

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

std::uint64_t total_memory() { return proc_bytes("/proc/meminfo", "MemTotal"); }

std::uint64_t available_memory() {
  return std::min(proc_bytes("/proc/meminfo", "MemAvailable"), available_in_group());
}

std::uint64_t peak_resident_memory() { return proc_bytes("/proc/self/status", "VmHWM"); }

}  // namespace lasso::app
