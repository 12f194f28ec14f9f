// Which kernel of a family computes a node.
#ifndef LASSO_ENGINE_CHOOSE_KERNEL_H_
#define LASSO_ENGINE_CHOOSE_KERNEL_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/compile.h"
#include "kernels/family.h"

namespace lasso::engine {

struct KernelChoice {
  std::size_t kernel = 0;  // index in the family's list
  kernels::KernelPlan plan;
};

// How the weights that a kernel must be able to read are packed.
struct PackedForm {
  std::string layout;
  std::size_t bytes = 0;

  bool matches(const kernels::KernelPlan& plan) const {
    return plan.packed_layout == layout && plan.packed_bytes == bytes;
  }
};

// The first row of a family's list that may be taken: with `reference`, only the last one.
std::size_t first_kernel(const kernels::Family& family, const CompileOptions& options);

// The best kernel that supports the call and reads `packed` (null: anything). Reasons against the
// better ones, "name: reason", are added to `rejected`; if there is none, those against all.
std::optional<KernelChoice> choose_kernel(const kernels::Family& family, const kernels::Call& call,
                                          const CompileOptions& options,
                                          const kernels::Target& target, const PackedForm* packed,
                                          std::vector<std::string>& rejected);

// The lowest instruction set with which something better than the reference reads these weights,
// where `kernel` does; AVX2, the baseline, where that is the reference itself.
Isa needed_isa(const kernels::Family& family, std::size_t kernel, const kernels::Call& call,
               int threads, const PackedForm& packed);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_CHOOSE_KERNEL_H_
