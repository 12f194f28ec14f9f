// Binary of integers and of truth values.
#include <cstdint>

#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/integers.h"
#include "kernels/elementwise/pairs.h"

namespace lasso::kernels {

namespace {

using graph::BinaryKind;

Offer offer(const BinaryProblem& p, const TargetInfo& /*target*/) {
  if (!is_known(p) || p.dtype == DType::kF32) {
    return Offer::no("another type than int32, bool and uint8");
  }
  const bool is_loop = p.kind == BinaryKind::kDiv || p.kind == BinaryKind::kMod ||
                       p.kind == BinaryKind::kFmod || p.kind == BinaryKind::kPow;
  return is_loop ? Offer::no("no instructions for quotients and powers of integers") : Offer{};
}

template <BinaryKind kKind>
void combine_integers(const BinaryProblem& p, const KernelArgs& args) {
  combine_all<std::int32_t, std::int32_t>(
      p.loops, args, [](std::int32_t a, std::int32_t b) { return integers::combine(kKind, a, b); });
}

template <BinaryKind kKind>
void combine_bytes(const BinaryProblem& p, const KernelArgs& args) {
  combine_all<std::uint8_t, std::uint8_t>(
      p.loops, args, [](std::uint8_t a, std::uint8_t b) { return combine_truths(kKind, a, b); });
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  switch (p.kind) {
    case BinaryKind::kAdd:
      return combine_integers<BinaryKind::kAdd>(p, args);
    case BinaryKind::kSub:
      return combine_integers<BinaryKind::kSub>(p, args);
    case BinaryKind::kMul:
      return combine_integers<BinaryKind::kMul>(p, args);
    case BinaryKind::kMax:
      return combine_integers<BinaryKind::kMax>(p, args);
    case BinaryKind::kMin:
      return combine_integers<BinaryKind::kMin>(p, args);
    case BinaryKind::kAnd:
      return combine_bytes<BinaryKind::kAnd>(p, args);
    case BinaryKind::kOr:
      return combine_bytes<BinaryKind::kOr>(p, args);
    case BinaryKind::kXor:
      return combine_bytes<BinaryKind::kXor>(p, args);
    default:  // the offer refuses them
      return;
  }
}

}  // namespace

const Kernel<BinaryProblem> kBinaryLoops{
    .name = "loops",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = offer,
    .pack = nullptr,
    .create = create_problem_state<BinaryProblem>,
    .run = run,
};

}  // namespace lasso::kernels
