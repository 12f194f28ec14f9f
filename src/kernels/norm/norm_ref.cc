// The specification of LayerNorm: two passes, mean and then the variance of the differences.
#include <cmath>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/norm/norm.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

namespace {

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LayerNormProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* gamma = static_cast<const float*>(args.inputs[1]);
  const auto* beta = static_cast<const float*>(args.inputs[2]);
  const auto count = static_cast<float>(p.channels);
  parallel([&](int thread, int threads) {
    for (std::int64_t row = p.rows * thread / threads; row < p.rows * (thread + 1) / threads;
         ++row) {
      const float* in = x + row * p.channels;
      float* out = p.output == DType::kF32
                       ? static_cast<float*>(args.outputs[0]) + row * p.channels
                       : reinterpret_cast<float*>(args.workspace) + thread * p.channels;
      float sum = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) sum += in[c];
      const float mean = sum / count;
      float squares = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) squares += (in[c] - mean) * (in[c] - mean);
      const float scale = 1.0F / std::sqrt(squares / count + p.epsilon);
      for (std::int64_t c = 0; c < p.channels; ++c) {
        out[c] = activate(p.activation, (in[c] - mean) * scale * gamma[c] + beta[c]);
      }
      if (is_half(p.output)) {
        auto* y = static_cast<std::uint16_t*>(args.outputs[0]) + row * p.channels;
        for (std::int64_t c = 0; c < p.channels; ++c) y[c] = f32_to_half(p.output, out[c]);
      } else if (p.output == DType::kU8) {
        static_cast<float*>(args.outputs[1])[row] = quant::quantize_row(
            out, p.channels, static_cast<std::uint8_t*>(args.outputs[0]) + row * p.channels);
      }
    }
  });
}

}  // namespace

const Kernel<LayerNormProblem> kLayerNormRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const LayerNormProblem& p, const TargetInfo& target) {
          Offer offer;
          if (p.output != DType::kF32) {
            offer.workspace_bytes = static_cast<std::size_t>(p.channels) * sizeof(float) *
                                    static_cast<std::size_t>(target.threads);
          }
          return offer;
        },
    .pack = nullptr,
    .create = create_problem_state<LayerNormProblem>,
    .run = run,
};

}  // namespace lasso::kernels
