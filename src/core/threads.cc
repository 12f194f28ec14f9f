#include "core/threads.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <utility>

namespace lasso {

namespace {

// Cores behind the CPUs of the affinity mask: hyper-threads of one core share (package, core).
int physical_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return 1;
  std::set<std::pair<int, int>> cores;
  int cpus = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    ++cpus;
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    int package = 0;
    int core = cpu;
    std::ifstream(folder + "physical_package_id") >> package;
    std::ifstream file(folder + "core_id");
    if (!(file >> core)) core = cpu;
    cores.emplace(package, core);
  }
  return std::clamp(static_cast<int>(cores.size()), 1, std::max(cpus, 1));
}

// The quota of control group v2 ("max 100000" or "200000 100000") or v1; 0 when there is none.
int cgroup_cores() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    if (quota == "max" || period <= 0) return 0;
    return std::max(1, static_cast<int>(std::stod(quota) / period));
  }
  double microseconds = 0;
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota >> microseconds && v1_period >> period && microseconds > 0 && period > 0) {
    return std::max(1, static_cast<int>(microseconds / period));
  }
  return 0;
}

}  // namespace

int available_cores() {
  const int physical = physical_cores();
  const int quota = cgroup_cores();
  return quota > 0 ? std::min(physical, quota) : physical;
}

}  // namespace lasso
