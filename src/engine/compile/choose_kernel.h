// Which kernel of a family computes a node.
#ifndef LASSO_ENGINE_COMPILE_CHOOSE_KERNEL_H_
#define LASSO_ENGINE_COMPILE_CHOOSE_KERNEL_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/compile/compile.h"
#include "kernels/family.h"

namespace lasso::engine {

struct KernelChoice {
  std::size_t kernel = 0;  // index in the family's list
  kernels::Offer offer;
};

// How the weights that a kernel must be able to read are packed.
struct PackedForm {
  std::string layout;
  std::size_t bytes = 0;

  bool matches(const kernels::Offer& offer) const {
    return offer.packed_layout == layout && offer.packed_bytes == bytes;
  }
};

// What the rows of a family's list that may be taken say of a call: with `reference` only the last
// one; null for those that refuse or do not read `packed` (null: anything), with the reason, "name:
// reason", in `rejected`.
std::vector<std::optional<kernels::Offer>> ask_all(const kernels::Family& family,
                                                   const kernels::Call& call, bool reference,
                                                   const backend::TargetInfo& target,
                                                   const PackedForm* packed,
                                                   std::vector<std::string>& rejected);

// Of all that offer, the preferred row with its tuning (if any), else that of the least cost, ties
// to the earlier one; the reference only where nothing else offers. Reasons against the rows before
// the chosen one are added to `rejected`; if there is none, those against all.
std::optional<KernelChoice> choose_kernel(const kernels::Family& family, const kernels::Call& call,
                                          bool reference, const backend::TargetInfo& target,
                                          const PackedForm* packed, const Preference& preferred,
                                          std::vector<std::string>& rejected);

// The features with which something better than the reference reads these weights, where `kernel`
// does: of the row that needs the fewest. The baseline where that is the reference itself.
CpuFeatures needed_features(const kernels::Family& family, std::size_t kernel,
                            const kernels::Call& call, const backend::TargetInfo& target,
                            const PackedForm& packed);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_COMPILE_CHOOSE_KERNEL_H_
