// Quantize and Cast with AVX2 and AVX-512: rows, or elements, are divided between the threads.
#include <algorithm>

#include "core/threads.h"
#include "kernels/quantize/quantize.h"
#include "kernels/quantize/quantize_isa.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kSmall = 16384;  // elements, a few microseconds: not worth waking the team

KernelPlan estimate(std::int64_t elements, const Target& target) {
  KernelPlan plan;
  plan.cost = static_cast<double>(elements) / (3e9 * target.threads) + 1e-6;
  return plan;
}

template <Isa kIsa>
void run_quantize(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<QuantizeProblem>&>(state).problem;
  const std::int64_t size = p.input == DType::kBF16 ? 2 : 4;
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    const QuantizeRows rows{
        .x = static_cast<const std::byte*>(args.inputs[0]) + begin * p.channels * size,
        .bf16 = p.input == DType::kBF16,
        .gain = p.gain ? static_cast<const float*>(args.inputs[1]) : nullptr,
        .q = static_cast<std::uint8_t*>(args.outputs[0]) + begin * p.channels,
        .scales = static_cast<float*>(args.outputs[1]) + begin,
        .rows = end - begin,
        .channels = p.channels};
    if constexpr (kIsa == Isa::kAvx512) {
      quantize_avx512(rows);
    } else {
      quantize_avx2(rows);
    }
  };
  if (p.rows * p.channels <= kSmall) {
    part(0, p.rows);
  } else {
    parallel_ranges(p.rows, part);
  }
}

template <Isa kIsa>
void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  const std::int64_t from = p.from == DType::kBF16 ? 2 : 4;
  const std::int64_t to = p.to == DType::kBF16 ? 2 : 4;
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    const CastRun run{.x = static_cast<const std::byte*>(args.inputs[0]) + begin * from,
                      .y = static_cast<std::byte*>(args.outputs[0]) + begin * to,
                      .count = end - begin,
                      .to_bf16 = p.to == DType::kBF16};
    if constexpr (kIsa == Isa::kAvx512) {
      cast_avx512(run);
    } else {
      cast_avx2(run);
    }
  };
  if (p.count <= kSmall) {
    part(0, p.count);
    return;
  }
  // Ranges begin at multiples of a cache line, so that no two threads write to one.
  constexpr std::int64_t kLine = 32;
  parallel_ranges((p.count + kLine - 1) / kLine, [&](std::int64_t begin, std::int64_t end) {
    part(begin * kLine, std::min(end * kLine, p.count));
  });
}

template <Isa kIsa>
constexpr Kernel<QuantizeProblem> quantize_kernel() {
  return {
      .name = "rows",
      .isa = kIsa,
      .supports = [](const QuantizeProblem&, const Target&) { return Support::yes(); },
      .plan = [](const QuantizeProblem& p,
                 const Target& target) { return estimate(p.rows * p.channels, target); },
      .pack = nullptr,
      .create = create_problem_state<QuantizeProblem>,
      .run = run_quantize<kIsa>,
  };
}

template <Isa kIsa>
constexpr Kernel<CastProblem> cast_kernel() {
  return {
      .name = "vector",
      .isa = kIsa,
      .supports =
          [](const CastProblem& p, const Target&) {
            const auto is_float = [](DType dtype) {
              return dtype == DType::kF32 || dtype == DType::kBF16;
            };
            if (!is_float(p.from) || !is_float(p.to)) {
              return Support::no("only float32 and bfloat16");
            }
            return p.from != p.to ? Support::yes() : Support::no("nothing to convert");
          },
      .plan = [](const CastProblem& p, const Target& target) { return estimate(p.count, target); },
      .pack = nullptr,
      .create = create_problem_state<CastProblem>,
      .run = run_cast<kIsa>,
  };
}

}  // namespace

const Kernel<QuantizeProblem> kQuantizeAvx512 = quantize_kernel<Isa::kAvx512>();
const Kernel<QuantizeProblem> kQuantizeAvx2 = quantize_kernel<Isa::kAvx2>();
const Kernel<CastProblem> kCastAvx512 = cast_kernel<Isa::kAvx512>();
const Kernel<CastProblem> kCastAvx2 = cast_kernel<Isa::kAvx2>();

}  // namespace lasso::kernels
