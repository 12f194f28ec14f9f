// The elementwise operations with AVX2 and AVX-512: the result's elements are divided between the
// threads.
#include "kernels/elementwise/broadcast_run.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/elementwise_isa.h"

namespace lasso::kernels {

namespace {

Offer offer_binary(const BinaryProblem& p, const TargetInfo& /*target*/) {
  if (p.dtype != DType::kF32) return Offer::no("another type than float32");
  switch (p.kind) {
    case graph::BinaryKind::kAdd:
    case graph::BinaryKind::kSub:
    case graph::BinaryKind::kMul:
    case graph::BinaryKind::kDiv:
    case graph::BinaryKind::kMax:
    case graph::BinaryKind::kMin:
      return {};
    default:
      return Offer::no("only sums, differences, products, quotients, maxima and minima");
  }
}

Offer offer_unary(const UnaryProblem& p, const TargetInfo& /*target*/) {
  if (p.dtype != DType::kF32) return Offer::no("another type than float32");
  return graph::activation_of(p.kind) ? Offer{} : Offer::no("only activations");
}

template <CpuFeature kFeature>
void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  const Places strides = p.loops.back().strides;
  for_each_run(p.loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    const BinaryRun run{.a = static_cast<const float*>(args.inputs[0]) + at[0],
                        .b = static_cast<const float*>(args.inputs[1]) + at[1],
                        .y = static_cast<float*>(args.outputs[0]) + begin,
                        .count = count,
                        .repeat_a = strides[0] == 0,
                        .repeat_b = strides[1] == 0,
                        .kind = p.kind,
                        .activation = p.activation};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      binary_avx512(run);
    } else {
      binary_avx2(run);
    }
  });
}

template <CpuFeature kFeature>
void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  divide_elements(p.count, [&](std::int64_t begin, std::int64_t end) {
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
void run_leaky_relu(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LeakyReluProblem>&>(state).problem;
  divide_elements(p.count, [&](std::int64_t begin, std::int64_t end) {
    const LeakyReluRun run{.x = static_cast<const float*>(args.inputs[0]) + begin,
                           .y = static_cast<float*>(args.outputs[0]) + begin,
                           .count = end - begin,
                           .slope = p.slope};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      leaky_relu_avx512(run);
    } else {
      leaky_relu_avx2(run);
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

template <CpuFeature kFeature>
constexpr Kernel<LeakyReluProblem> leaky_relu_kernel() {
  return {
      .name = "vector",
      .needs = {.features = kFeature},
      .offer = always<LeakyReluProblem>,
      .pack = nullptr,
      .create = create_problem_state<LeakyReluProblem>,
      .run = run_leaky_relu<kFeature>,
  };
}

}  // namespace

const Kernel<BinaryProblem> kBinaryAvx512 = binary_kernel<CpuFeature::kAvx512>();
const Kernel<BinaryProblem> kBinaryAvx2 = binary_kernel<CpuFeature::kAvx2>();
const Kernel<UnaryProblem> kUnaryAvx512 = unary_kernel<CpuFeature::kAvx512>();
const Kernel<UnaryProblem> kUnaryAvx2 = unary_kernel<CpuFeature::kAvx2>();
const Kernel<LeakyReluProblem> kLeakyReluAvx512 = leaky_relu_kernel<CpuFeature::kAvx512>();
const Kernel<LeakyReluProblem> kLeakyReluAvx2 = leaky_relu_kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
