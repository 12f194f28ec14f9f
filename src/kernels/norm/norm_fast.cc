// LayerNorm with AVX2 and AVX-512: rows are divided between the threads.
#include "core/threads.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/norm_isa.h"

namespace lasso::kernels {

namespace {

Support supports(const LayerNormProblem& p, const Target&) {
  return p.output == DType::kF32 ? Support::yes() : Support::no("a result other than float32");
}

template <Isa kIsa>
KernelPlan plan(const LayerNormProblem& p, const Target& target) {
  KernelPlan result;
  const double rate = kIsa == Isa::kAvx512 ? 5e9 : 3e9;  // elements per second and thread
  result.cost = static_cast<double>(p.rows * p.channels) / (rate * target.threads) + 1e-6;
  return result;
}

template <Isa kIsa>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LayerNormProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    const LayerNormRows rows{.x = x + begin * p.channels,
                             .gamma = static_cast<const float*>(args.inputs[1]),
                             .beta = static_cast<const float*>(args.inputs[2]),
                             .y = y + begin * p.channels,
                             .rows = end - begin,
                             .channels = p.channels,
                             .epsilon = p.epsilon,
                             .activation = p.activation};
    if constexpr (kIsa == Isa::kAvx512) {
      layer_norm_avx512(rows);
    } else {
      layer_norm_avx2(rows);
    }
  };
  constexpr std::int64_t kSmall = 16384;  // elements, a few microseconds: not worth waking the team
  if (p.rows * p.channels <= kSmall) {
    part(0, p.rows);
  } else {
    parallel_ranges(p.rows, part);
  }
}

}  // namespace

const Kernel<LayerNormProblem> kLayerNormAvx512{
    .name = "rows",
    .isa = Isa::kAvx512,
    .supports = supports,
    .plan = plan<Isa::kAvx512>,
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run<Isa::kAvx512>,
};

const Kernel<LayerNormProblem> kLayerNormAvx2{
    .name = "rows",
    .isa = Isa::kAvx2,
    .supports = supports,
    .plan = plan<Isa::kAvx2>,
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run<Isa::kAvx2>,
};

}  // namespace lasso::kernels
