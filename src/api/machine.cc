#include "lasso/machine.h"

#include <algorithm>

#include "backend/cpu/onednn.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/peak.h"
#include "core/threads.h"

namespace lasso {

MachineInfo machine_info() {
  return guarded([] {
    return MachineInfo{available_cores(), std::string(to_string(usable_isa()))};
  });
}

std::vector<PeakRate> measure_peaks(int threads) {
  LASSO_CHECK(threads >= 0, ErrorCode::kInvalidArgument,
              "threads is {}: expected 0 (all cores) or more", threads);
  return guarded([&] {
    const int cores = available_cores();
    const int count = threads == 0 ? cores : std::min(threads, cores);
    std::vector<PeakRate> peaks;
    for (const MultiplyAdd multiply_add : kMultiplyAdds) {
      const MultiplyAddInfo about = info(multiply_add);
      if (about.isa > usable_isa()) continue;
      peaks.push_back({std::string(about.precision), std::string(to_string(about.isa)),
                       std::string(about.instruction), count,
                       peak_rate(multiply_add, count) * 1e-9});
    }
    return peaks;
  });
}

std::string compute_libraries() { return "oneDNN " + onednn::version(); }

}  // namespace lasso
