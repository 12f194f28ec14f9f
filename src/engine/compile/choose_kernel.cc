#include "engine/compile/choose_kernel.h"

#include <utility>

#include "core/check.h"

namespace lasso::engine {

using kernels::Family;
using kernels::Offer;

std::vector<std::optional<Offer>> ask_all(const Family& family, const kernels::Call& call,
                                          bool reference, const backend::TargetInfo& target,
                                          const PackedForm* packed,
                                          std::vector<std::string>& rejected) {
  std::vector<std::optional<Offer>> offers(family.size());
  for (std::size_t i = reference ? family.size() - 1 : 0; i < family.size(); ++i) {
    Offer offer = family.ask(i, call, target);
    if (offer && packed != nullptr && !packed->matches(offer)) {
      offer = Offer::no("another layout of the weights");
    }
    if (offer) {
      offers[i] = std::move(offer);
    } else {
      rejected.push_back(fmt::format("{}: {}", family.kernel_name(i), offer.reason));
    }
  }
  return offers;
}

std::optional<KernelChoice> choose_kernel(const Family& family, const kernels::Call& call,
                                          bool reference, const backend::TargetInfo& target,
                                          const PackedForm* packed, const Preference& preferred,
                                          std::vector<std::string>& rejected) {
  std::vector<std::string> reasons;
  std::vector<std::optional<Offer>> offers =
      ask_all(family, call, reference, target, packed, reasons);
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (!offers[i]) continue;
    if (!preferred.kernel.empty() && family.label(i) == preferred.kernel) {
      best = i;
      offers[i]->tuning = preferred.tuning;
      break;
    }
    const bool is_better =
        !best || (!family.is_reference(i) && offers[i]->cost < offers[*best]->cost);
    if (is_better) best = i;
  }
  if (!best) {
    rejected.insert(rejected.end(), reasons.begin(), reasons.end());
    return std::nullopt;
  }
  std::size_t reason = 0;
  for (std::size_t i = 0; i < *best; ++i) {
    if (!offers[i]) {
      if (!reference) rejected.push_back(reasons.at(reason++));
    } else if (!preferred.kernel.empty()) {
      rejected.push_back(fmt::format("{}: slower as it was timed", family.kernel_name(i)));
    } else {
      rejected.push_back(fmt::format("{}: its instructions are {:.2g} times slower here",
                                     family.kernel_name(i), offers[i]->cost / offers[*best]->cost));
    }
  }
  return KernelChoice{*best, std::move(*offers[*best])};
}

CpuFeatures needed_features(const Family& family, std::size_t kernel, const kernels::Call& call,
                            const backend::TargetInfo& target, const PackedForm& packed) {
  CpuFeatures needed = family.needs(kernel).features | CpuFeature::kAvx2;
  for (std::size_t i = 0; i < family.size(); ++i) {
    const CpuFeatures features = family.needs(i).features;
    if (family.is_reference(i) || features.size() >= needed.size()) continue;
    backend::TargetInfo lesser = target;
    lesser.features = features;
    const Offer offer = family.ask(i, call, lesser);
    if (offer && packed.matches(offer)) needed = features;
  }
  return needed;
}

}  // namespace lasso::engine
