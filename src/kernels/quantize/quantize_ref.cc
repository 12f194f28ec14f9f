// The specification of Quantize and Cast.
#include <algorithm>

#include "core/threads.h"
#include "kernels/quantize/quantize.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

namespace {

float value(const void* x, DType dtype, std::int64_t i) {
  return dtype == DType::kBF16 ? bf16_to_f32(static_cast<const std::uint16_t*>(x)[i])
                               : static_cast<const float*>(x)[i];
}

void run_quantize(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<QuantizeProblem>&>(state).problem;
  const auto* gain = p.gain ? static_cast<const float*>(args.inputs[1]) : nullptr;
  parallel([&](int thread, int threads) {
    float* row = reinterpret_cast<float*>(args.workspace) + thread * p.channels;
    for (std::int64_t m = p.rows * thread / threads; m < p.rows * (thread + 1) / threads; ++m) {
      for (std::int64_t c = 0; c < p.channels; ++c) {
        row[c] = value(args.inputs[0], p.input, m * p.channels + c);
        if (gain != nullptr) row[c] *= gain[c];
      }
      static_cast<float*>(args.outputs[1])[m] = quant::quantize_row(
          row, p.channels, static_cast<std::uint8_t*>(args.outputs[0]) + m * p.channels);
    }
  });
}

void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  parallel_ranges(p.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float x = value(args.inputs[0], p.from, i);
      if (p.to == DType::kBF16) {
        static_cast<std::uint16_t*>(args.outputs[0])[i] = f32_to_bf16(x);
      } else {
        static_cast<float*>(args.outputs[0])[i] = x;
      }
    }
  });
}

}  // namespace

const Kernel<QuantizeProblem> kQuantizeRef{
    .name = "reference",
    .isa = Isa::kReference,
    .supports = [](const QuantizeProblem&, const Target&) { return Support::yes(); },
    .plan =
        [](const QuantizeProblem& p, const Target& target) {
          KernelPlan plan;
          plan.workspace_bytes = static_cast<std::size_t>(p.channels) * sizeof(float) *
                                 static_cast<std::size_t>(target.threads);
          plan.cost = static_cast<double>(p.rows * p.channels) / (3e8 * target.threads);
          return plan;
        },
    .pack = nullptr,
    .create = create_problem_state<QuantizeProblem>,
    .run = run_quantize,
};

const Kernel<CastProblem> kCastRef{
    .name = "reference",
    .isa = Isa::kReference,
    .supports = [](const CastProblem&, const Target&) { return Support::yes(); },
    .plan =
        [](const CastProblem& p, const Target& target) {
          KernelPlan plan;
          plan.cost = static_cast<double>(p.count) / (3e8 * target.threads);
          return plan;
        },
    .pack = nullptr,
    .create = create_problem_state<CastProblem>,
    .run = run_cast,
};

}  // namespace lasso::kernels
