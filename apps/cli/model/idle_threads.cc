#include "cli/model/idle_threads.h"

#include <chrono>
#include <ctime>
#include <thread>

namespace lasso::app {

namespace {

double process_cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

}  // namespace

void wait_for_idle_threads() {
  constexpr int kMostTries = 50;
  for (int i = 0; i < kMostTries; ++i) {
    const double before = process_cpu_ms();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (process_cpu_ms() - before < 0.2) return;
  }
}

}  // namespace lasso::app
