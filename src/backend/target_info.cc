#include "backend/target_info.h"

#include "backend/device.h"
#include "core/check.h"

namespace lasso::backend {

std::string_view to_string(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kCuda:
      return "cuda";
  }
  return "unknown";
}

void Stream::refuse_streams() {
  fail(ErrorCode::kUnsupported, "only GPUs have streams that a caller can give");
}

TargetInfo cpu_target(CpuFeatures cap, int threads) {
  TargetInfo target;
  target.features = cpu_features() & cap;
  target.threads = threads;
  target.rates = measured_rates(target.features);
  return target;
}

}  // namespace lasso::backend
