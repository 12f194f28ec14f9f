// The elementwise operations with AVX2 and AVX-512: the result's elements are divided between the
// threads.
#include <algorithm>

#include "core/threads.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/elementwise_isa.h"

namespace lasso::kernels {

namespace {

Offer offer_binary(const BinaryProblem& p, const TargetInfo& /*target*/) {
  if (!p.float32) return Offer::no("another type than float32");
  const bool is_simple = p.kind == graph::BinaryKind::kAdd || p.kind == graph::BinaryKind::kSub ||
                         p.kind == graph::BinaryKind::kMul;
  return is_simple ? Offer{} : Offer::no("only sums, differences and products");
}

Offer offer_unary(const UnaryProblem& p, const TargetInfo& /*target*/) {
  if (!p.float32) return Offer::no("another type than float32");
  return graph::activation_of(p.kind) ? Offer{} : Offer::no("only activations");
}

// Calls part(begin, end) on the ranges of [0, count), in this thread alone where there is little to
// do. Ranges begin at multiples of a cache line, so that no two threads write to one.
template <typename F>
void divide(std::int64_t count, const F& part) {
  constexpr std::int64_t kSmall = 16384;
  constexpr std::int64_t kLine = 16;
  if (count <= kSmall) {
    part(0, count);
    return;
  }
  parallel_ranges((count + kLine - 1) / kLine, [&](std::int64_t begin, std::int64_t end) {
    part(begin * kLine, std::min(end * kLine, count));
  });
}

template <CpuFeature kFeature>
void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  const BroadcastLoop inner = p.loops.back();
  divide(p.count(), [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t first = begin % inner.count;
      std::int64_t rest = begin / inner.count;
      std::int64_t a = first * inner.a_stride;
      std::int64_t b = first * inner.b_stride;
      for (std::size_t i = p.loops.size() - 1; i-- > 0;) {
        const std::int64_t position = rest % p.loops[i].count;
        rest /= p.loops[i].count;
        a += position * p.loops[i].a_stride;
        b += position * p.loops[i].b_stride;
      }
      const BinaryRun run{.a = static_cast<const float*>(args.inputs[0]) + a,
                          .b = static_cast<const float*>(args.inputs[1]) + b,
                          .y = static_cast<float*>(args.outputs[0]) + begin,
                          .count = std::min(inner.count - first, end - begin),
                          .repeat_a = inner.a_stride == 0,
                          .repeat_b = inner.b_stride == 0,
                          .kind = p.kind,
                          .activation = p.activation};
      if constexpr (kFeature == CpuFeature::kAvx512) {
        binary_avx512(run);
      } else {
        binary_avx2(run);
      }
      begin += run.count;
    }
  });
}

template <CpuFeature kFeature>
void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  divide(p.count, [&](std::int64_t begin, std::int64_t end) {
    const UnaryRun run{.x = static_cast<const float*>(args.inputs[0]) + begin,
                       .y = static_cast<float*>(args.outputs[0]) + begin,
                       .count = end - begin,
                       .activation = *graph::activation_of(p.kind)};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      unary_avx512(run);
    } else {
      unary_avx2(run);
    }
  });
}

template <CpuFeature kFeature>
constexpr Kernel<BinaryProblem> binary_kernel() {
  return {
      .name = "vector",
      .needs = {.features = kFeature},
      .offer = offer_binary,
      .pack = nullptr,
      .create = create_problem_state<BinaryProblem>,
      .run = run_binary<kFeature>,
  };
}

template <CpuFeature kFeature>
constexpr Kernel<UnaryProblem> unary_kernel() {
  return {
      .name = "vector",
      .needs = {.features = kFeature},
      .offer = offer_unary,
      .pack = nullptr,
      .create = create_problem_state<UnaryProblem>,
      .run = run_unary<kFeature>,
  };
}

}  // namespace

const Kernel<BinaryProblem> kBinaryAvx512 = binary_kernel<CpuFeature::kAvx512>();
const Kernel<BinaryProblem> kBinaryAvx2 = binary_kernel<CpuFeature::kAvx2>();
const Kernel<UnaryProblem> kUnaryAvx512 = unary_kernel<CpuFeature::kAvx512>();
const Kernel<UnaryProblem> kUnaryAvx2 = unary_kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
