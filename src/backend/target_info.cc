#include "backend/target_info.h"

namespace lasso::backend {

std::string_view to_string(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCpu:
      return "cpu";
  }
  return "unknown";
}

TargetInfo cpu_target(CpuFeatures cap, int threads) {
  TargetInfo target;
  target.features = cpu_features() & cap;
  target.threads = threads;
  target.rates = measured_rates(target.features);
  return target;
}

}  // namespace lasso::backend
