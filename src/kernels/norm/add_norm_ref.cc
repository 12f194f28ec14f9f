// The specification of AddNorm: the sum, then LayerNorm as in norm_ref.cc, then the other types.
#include <cmath>

#include "core/convert.h"
#include "core/threads.h"
#include "kernels/norm/norm.h"

namespace lasso::kernels {

namespace {

void write_row(DType dtype, const float* from, void* to, std::int64_t first, std::int64_t count) {
  for (std::int64_t c = 0; c < count; ++c) {
    if (is_half(dtype)) {
      static_cast<std::uint16_t*>(to)[first + c] = f32_to_half(dtype, from[c]);
    } else {
      static_cast<float*>(to)[first + c] = from[c];
    }
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<AddNormProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* gamma = static_cast<const float*>(args.inputs[1]);
  const auto* beta = static_cast<const float*>(args.inputs[2]);
  const auto* residual = p.residual_rows > 0 ? static_cast<const float*>(args.inputs[3]) : nullptr;
  const auto* shift = p.shift_rows > 0 ? static_cast<const float*>(args.inputs[4]) : nullptr;
  const AddNormOutputs outputs(p, args);
  const auto count = static_cast<float>(p.channels);
  parallel([&](int thread, int threads) {
    float* z = reinterpret_cast<float*>(args.workspace) + thread * p.channels;
    for (std::int64_t row = p.rows * thread / threads; row < p.rows * (thread + 1) / threads;
         ++row) {
      const std::int64_t first = row * p.channels;
      const float* r =
          residual != nullptr ? residual + row % p.residual_rows * p.channels : nullptr;
      for (std::int64_t c = 0; c < p.channels; ++c) {
        z[c] = r != nullptr ? x[first + c] + r[c] : x[first + c];
      }
      float sum = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) sum += z[c];
      const float mean = sum / count;
      float squares = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) squares += (z[c] - mean) * (z[c] - mean);
      const float scale = 1.0F / std::sqrt(squares / count + p.epsilon);
      for (std::int64_t c = 0; c < p.channels; ++c) {
        z[c] = (z[c] - mean) * scale * gamma[c] + beta[c];
      }
      if (p.keep) write_row(DType::kF32, z, outputs.kept, first, p.channels);
      if (p.rounded) write_row(p.output, z, outputs.rounded, first, p.channels);
      if (shift == nullptr) continue;
      const float* s = shift + row % p.shift_rows * p.channels;
      for (std::int64_t c = 0; c < p.channels; ++c) z[c] += s[c];
      write_row(p.output, z, outputs.shifted, first, p.channels);
    }
  });
}

}  // namespace

const Kernel<AddNormProblem> kAddNormRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const AddNormProblem& p, const TargetInfo& target) {
          Offer offer;
          offer.workspace_bytes = static_cast<std::size_t>(p.channels) * sizeof(float) *
                                  static_cast<std::size_t>(target.threads);
          return offer;
        },
    .pack = nullptr,
    .create = create_problem_state<AddNormProblem>,
    .run = run,
};

}  // namespace lasso::kernels
