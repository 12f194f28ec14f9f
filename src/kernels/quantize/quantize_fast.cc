// Quantize and Cast with AVX2 and AVX-512: rows, or elements, are divided between the threads.
#include <algorithm>

#include "core/threads.h"
#include "kernels/quantize/quantize.h"
#include "kernels/quantize/quantize_isa.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kSmall = 16384;  // elements, a few microseconds: not worth waking the team

template <CpuFeature kFeature>
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
    if constexpr (kFeature == CpuFeature::kAvx512) {
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

// Calls part(begin, end) on ranges of elements that begin at multiples of a cache line, so that no
// two threads write to one.
template <typename Part>
void for_elements(std::int64_t count, const Part& part) {
  constexpr std::int64_t kLine = 64;
  parallel_ranges_unless(count <= kSmall, (count + kLine - 1) / kLine,
                         [&](int /*thread*/, std::int64_t begin, std::int64_t end) {
                           part(begin * kLine, std::min(end * kLine, count));
                         });
}

template <CpuFeature kFeature>
void run_quantize_tensor(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<QuantizeTensorProblem>&>(state).problem;
  const auto size = static_cast<std::int64_t>(size_of(p.input));
  for_elements(p.count, [&](std::int64_t begin, std::int64_t end) {
    const QuantizeRun run{.x = static_cast<const std::byte*>(args.inputs[0]) + begin * size,
                          .bf16 = p.input == DType::kBF16,
                          .q = static_cast<std::uint8_t*>(args.outputs[0]) + begin,
                          .count = end - begin,
                          .inverse = 1.0F / p.scheme.scale,
                          .zero = static_cast<int>(p.scheme.zero)};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      quantize_tensor_avx512(run);
    } else {
      quantize_tensor_avx2(run);
    }
  });
}

template <CpuFeature kFeature>
void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  const std::int64_t from = p.from == DType::kBF16 ? 2 : 4;
  const std::int64_t to = p.to == DType::kBF16 ? 2 : 4;
  for_elements(p.count, [&](std::int64_t begin, std::int64_t end) {
    const CastRun run{.x = static_cast<const std::byte*>(args.inputs[0]) + begin * from,
                      .y = static_cast<std::byte*>(args.outputs[0]) + begin * to,
                      .count = end - begin,
                      .to_bf16 = p.to == DType::kBF16};
    if constexpr (kFeature == CpuFeature::kAvx512) {
      cast_avx512(run);
    } else {
      cast_avx2(run);
    }
  });
}

template <CpuFeature kFeature>
constexpr Kernel<QuantizeProblem> quantize_kernel() {
  return {
      .name = "rows",
      .needs = {.features = kFeature},
      .offer = always<QuantizeProblem>,
      .pack = nullptr,
      .create = create_problem_state<QuantizeProblem>,
      .run = run_quantize<kFeature>,
  };
}

template <CpuFeature kFeature>
constexpr Kernel<QuantizeTensorProblem> quantize_tensor_kernel() {
  return {
      .name = "vector",
      .needs = {.features = kFeature},
      .offer =
          [](const QuantizeTensorProblem& p, const TargetInfo&) {
            const bool is_known = p.input == DType::kF32 || p.input == DType::kBF16;
            return is_known ? Offer{} : Offer::no("only of float32 and bfloat16");
          },
      .pack = nullptr,
      .create = create_problem_state<QuantizeTensorProblem>,
      .run = run_quantize_tensor<kFeature>,
  };
}

template <CpuFeature kFeature>
constexpr Kernel<CastProblem> cast_kernel() {
  return {
      .name = "vector",
      .needs = {.features = kFeature},
      .offer =
          [](const CastProblem& p, const TargetInfo&) {
            const auto is_known = [](DType dtype) {
              return dtype == DType::kF32 || dtype == DType::kBF16;
            };
            if (!is_known(p.from) || !is_known(p.to)) {
              return Offer::no("only float32 and bfloat16");
            }
            return p.from != p.to ? Offer{} : Offer::no("nothing to convert");
          },
      .pack = nullptr,
      .create = create_problem_state<CastProblem>,
      .run = run_cast<kFeature>,
  };
}

}  // namespace

const Kernel<QuantizeProblem> kQuantizeAvx512 = quantize_kernel<CpuFeature::kAvx512>();
const Kernel<QuantizeProblem> kQuantizeAvx2 = quantize_kernel<CpuFeature::kAvx2>();
const Kernel<QuantizeTensorProblem> kQuantizeTensorAvx512 =
    quantize_tensor_kernel<CpuFeature::kAvx512>();
const Kernel<QuantizeTensorProblem> kQuantizeTensorAvx2 =
    quantize_tensor_kernel<CpuFeature::kAvx2>();
const Kernel<CastProblem> kCastAvx512 = cast_kernel<CpuFeature::kAvx512>();
const Kernel<CastProblem> kCastAvx2 = cast_kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
