// LayerNorm with AVX2 and AVX-512: rows are divided between the threads.
#include "core/threads.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/norm_isa.h"

namespace lasso::kernels {

namespace {

// Of a row of float32 that becomes another type, for each thread.
std::int64_t scratch_bytes(const LayerNormProblem& p) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = p.channels * static_cast<std::int64_t>(sizeof(float));
  return p.output == DType::kF32 ? 0 : (bytes + kLine - 1) / kLine * kLine;
}

Offer offer(const LayerNormProblem& p, const TargetInfo& target) {
  if (p.output == DType::kF16) return Offer::no("a result in float16");
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(scratch_bytes(p) * target.threads);
  return offer;
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LayerNormProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto size = static_cast<std::int64_t>(size_of(p.output));
  const auto part = [&](int thread, std::int64_t begin, std::int64_t end) {
    const LayerNormRows rows{
        .x = x + begin * p.channels,
        .gamma = static_cast<const float*>(args.inputs[1]),
        .beta = static_cast<const float*>(args.inputs[2]),
        .y = static_cast<std::byte*>(args.outputs[0]) + begin * p.channels * size,
        .scales = p.output == DType::kU8 ? static_cast<float*>(args.outputs[1]) + begin : nullptr,
        .scratch = reinterpret_cast<float*>(args.workspace + thread * scratch_bytes(p)),
        .rows = end - begin,
        .channels = p.channels,
        .epsilon = p.epsilon,
        .activation = p.activation,
        .output = p.output};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      layer_norm_avx512(rows);
    } else {
      layer_norm_avx2(rows);
    }
  };
  constexpr std::int64_t kSmall = 16384;  // elements, a few microseconds
  parallel_ranges_unless(p.rows * p.channels <= kSmall, p.rows, part);
}

}  // namespace

const Kernel<LayerNormProblem> kLayerNormAvx512{
    .name = "rows",
    .needs = {.features = CpuFeature::kAvx512},
    .offer = offer,
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run<CpuFeature::kAvx512>,
};

const Kernel<LayerNormProblem> kLayerNormAvx2{
    .name = "rows",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = offer,
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run<CpuFeature::kAvx2>,
};

}  // namespace lasso::kernels
