#include "core/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace lasso {

namespace {

constexpr int kMostCpus = 8192;

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// Cores behind the CPUs of the affinity mask: hyper-threads of one core share (package, core).
int physical_cores() {
  const std::unique_ptr<cpu_set_t, FreeCpuSet> mask(CPU_ALLOC(kMostCpus));
  const std::size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  if (mask == nullptr) return 1;
  CPU_ZERO_S(bytes, mask.get());
  if (sched_getaffinity(0, bytes, mask.get()) != 0) return 1;
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < kMostCpus; ++cpu) {
    if (!CPU_ISSET_S(cpu, bytes, mask.get())) continue;
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    int package = 0;
    int core = cpu;
    std::ifstream(folder + "physical_package_id") >> package;
    std::ifstream file(folder + "core_id");
    if (!(file >> core)) core = cpu;
    cores.emplace(package, core);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

// CPUs' worth of time that `quota` microseconds of every `period` are; 0 for none.
int cores_of(double quota, double period) {
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(quota / period)) : 0;
}

// The smaller of two limits, where 0 is none.
int tighter(int a, int b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

// The tightest quota of the process's control group (version 2: "max 100000" or "200000 100000")
// and the groups above it; of version 1, that of the mounted root, as containers see theirs.
int cgroup_cores() {
  int limit = 0;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;
    for (std::string group = line.substr(3); !group.empty();
         group = group.substr(0, group.rfind('/'))) {
      double quota = 0;
      double period = 0;
      std::ifstream file("/sys/fs/cgroup" + group + "/cpu.max");
      if (file >> quota >> period) limit = tighter(limit, cores_of(quota, period));
    }
  }
  double quota = 0;
  double period = 0;
  if (std::ifstream root("/sys/fs/cgroup/cpu.max"); root >> quota >> period) {
    limit = tighter(limit, cores_of(quota, period));
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period) limit = tighter(limit, cores_of(quota, period));
  return limit;
}

std::atomic<bool> forks_with_threads = true;  // of the fork in work
thread_local bool lost = false;

// In the parent. Whose threads they are can't be told: any may be of an OpenMP team, ours or not.
void before_fork() noexcept {
  std::error_code error;
  int threads = 0;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end;
       !error && task != end; task.increment(error)) {
    ++threads;
  }
  forks_with_threads = error || threads != 1;
}

void in_child() noexcept { lost = lost || forks_with_threads; }

[[maybe_unused]] const int kRegistered = pthread_atfork(before_fork, nullptr, in_child);

}  // namespace

bool team_is_lost() noexcept { return lost; }

int default_threads() { return std::max(1, std::min(available_cores(), omp_get_max_threads())); }

int available_cores() {
  const int physical = physical_cores();
  const int quota = cgroup_cores();
  return quota > 0 ? std::min(physical, quota) : physical;
}

}  // namespace lasso
