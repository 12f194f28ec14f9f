#include "kernels/kernel.h"

namespace lasso::kernels {

std::string missing(const Needs& needs, const TargetInfo& target) {
  if (needs.device != target.kind) {
    return "runs on " + std::string(to_string(needs.device));
  }
  if (target.sm < needs.sm) return "needs " + isa_name(needs);
  if (target.features.contains(needs.features)) return "";
  for (const CpuFeature feature : {CpuFeature::kAmxInt8, CpuFeature::kAmxBf16}) {
    const std::string_view reason = refusal(feature);
    if (needs.features.has(feature) && !reason.empty()) return std::string(reason);
  }
  return "needs " + to_string(needs.features);
}

std::string isa_name(const Needs& needs) {
  if (needs.device == backend::DeviceKind::kCuda) return "sm_" + std::to_string(needs.sm);
  return std::string(best_name(needs.features));
}

std::string kernel_label(std::string_view name, const Needs& needs) {
  return std::string(name) + "." + isa_name(needs);
}

}  // namespace lasso::kernels
