#include "kernels/kernel.h"

namespace lasso::kernels {

std::string missing(const Needs& needs, const TargetInfo& target) {
  if (needs.device != target.kind) {
    return "runs on " + std::string(to_string(needs.device));
  }
  return target.features.contains(needs.features) ? "" : "needs " + to_string(needs.features);
}

std::string_view isa_name(const Needs& needs) { return best_name(needs.features); }

std::string kernel_label(std::string_view name, const Needs& needs) {
  return std::string(name) + "." + std::string(isa_name(needs));
}

}  // namespace lasso::kernels
