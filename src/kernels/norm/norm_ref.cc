// The specification of LayerNorm: two passes, mean and then the variance of the differences.
#include <cmath>

#include "core/threads.h"
#include "kernels/activation.h"
#include "kernels/norm/norm.h"

namespace lasso::kernels {

namespace {

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LayerNormProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* gamma = static_cast<const float*>(args.inputs[1]);
  const auto* beta = static_cast<const float*>(args.inputs[2]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const auto count = static_cast<float>(p.channels);
  parallel_ranges(p.rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* in = x + row * p.channels;
      float* out = y + row * p.channels;
      float sum = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) sum += in[c];
      const float mean = sum / count;
      float squares = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) squares += (in[c] - mean) * (in[c] - mean);
      const float scale = 1.0F / std::sqrt(squares / count + p.epsilon);
      for (std::int64_t c = 0; c < p.channels; ++c) {
        out[c] = activate(p.activation, (in[c] - mean) * scale * gamma[c] + beta[c]);
      }
    }
  });
}

}  // namespace

const Kernel<LayerNormProblem> kLayerNormRef{
    .name = "reference",
    .isa = Isa::kReference,
    .supports = [](const LayerNormProblem&, const Target&) { return Support::yes(); },
    .plan =
        [](const LayerNormProblem& p, const Target& target) {
          KernelPlan plan;
          plan.cost = static_cast<double>(p.rows * p.channels) / (3e8 * target.threads);
          return plan;
        },
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run,
};

}  // namespace lasso::kernels
