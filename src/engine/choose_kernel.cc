#include "engine/choose_kernel.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::engine {

std::size_t first_kernel(const kernels::Family& family, const CompileOptions& options) {
  return options.reference ? family.size() - 1 : 0;
}

std::optional<KernelChoice> choose_kernel(const kernels::Family& family, const kernels::Call& call,
                                          const CompileOptions& options,
                                          const kernels::Target& target, const PackedForm* packed,
                                          std::vector<std::string>& rejected) {
  for (std::size_t i = first_kernel(family, options); i < family.size(); ++i) {
    const kernels::Support support = family.supports(i, call, target);
    if (support) {
      kernels::KernelPlan plan = family.plan(i, call, target);
      if (packed == nullptr || packed->matches(plan)) return KernelChoice{i, std::move(plan)};
    }
    rejected.push_back(fmt::format("{}: {}", family.kernel_name(i),
                                   support ? "another layout of the weights" : support.reason()));
  }
  return std::nullopt;
}

Isa needed_isa(const kernels::Family& family, std::size_t kernel, const kernels::Call& call,
               int threads, const PackedForm& packed) {
  Isa needed = std::max(family.kernel_isa(kernel), Isa::kAvx2);
  for (std::size_t i = kernel + 1; i < family.size(); ++i) {
    const Isa isa = family.kernel_isa(i);
    if (isa == Isa::kReference || isa >= needed) continue;
    const kernels::Target target{isa, threads};
    if (family.supports(i, call, target) && packed.matches(family.plan(i, call, target))) {
      needed = isa;
    }
  }
  return needed;
}

}  // namespace lasso::engine
