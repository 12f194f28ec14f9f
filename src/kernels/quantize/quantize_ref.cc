// The specification of Quantize and Cast.
#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/quantize/quantize.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

namespace {

float value(const void* x, DType dtype, std::int64_t i) {
  return is_half(dtype) ? half_to_f32(dtype, static_cast<const std::uint16_t*>(x)[i])
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

// Between floats, where NaNs stay NaNs and keep their upper bits.
void cast_floats(const CastProblem& p, const void* x, void* y, std::int64_t i) {
  const float element = value(x, p.from, i);
  if (is_half(p.to)) {
    static_cast<std::uint16_t*>(y)[i] = f32_to_half(p.to, element);
  } else {
    static_cast<float*>(y)[i] = element;
  }
}

bool is_integer(DType dtype) { return dtype == DType::kU8 || dtype == DType::kI32; }

// From or to integers: towards zero, and to the nearest that there is; NaN becomes 0.
void cast_integers(const CastProblem& p, const void* x, void* y, std::int64_t i) {
  double element = 0;
  if (is_float(p.from)) element = value(x, p.from, i);
  if (p.from == DType::kU8) element = static_cast<const std::uint8_t*>(x)[i];
  if (p.from == DType::kI32) element = static_cast<const std::int32_t*>(x)[i];
  const auto within = [&](double least, double most) {
    return std::isnan(element) ? 0.0 : std::clamp(element, least, most);
  };
  switch (p.to) {
    case DType::kU8:
      static_cast<std::uint8_t*>(y)[i] = static_cast<std::uint8_t>(within(0, 255));
      break;
    case DType::kI32:
      static_cast<std::int32_t*>(y)[i] = static_cast<std::int32_t>(within(-0x1p31, 0x1p31 - 1));
      break;
    case DType::kBF16:
    case DType::kF16:
      static_cast<std::uint16_t*>(y)[i] = f32_to_half(p.to, static_cast<float>(element));
      break;
    default:
      static_cast<float*>(y)[i] = static_cast<float>(element);
  }
}

void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  parallel_ranges(p.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (is_float(p.from) && is_float(p.to)) {
        cast_floats(p, args.inputs[0], args.outputs[0], i);
      } else {
        cast_integers(p, args.inputs[0], args.outputs[0], i);
      }
    }
  });
}

}  // namespace

const Kernel<QuantizeProblem> kQuantizeRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const QuantizeProblem& p, const TargetInfo& target) {
          Offer offer;
          offer.workspace_bytes = static_cast<std::size_t>(p.channels) * sizeof(float) *
                                  static_cast<std::size_t>(target.threads);
          return offer;
        },
    .pack = nullptr,
    .create = create_problem_state<QuantizeProblem>,
    .run = run_quantize,
};

const Kernel<CastProblem> kCastRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const CastProblem& p, const TargetInfo&) {
          const auto is_known = [](DType dtype) { return is_float(dtype) || is_integer(dtype); };
          return is_known(p.from) && is_known(p.to)
                     ? Offer{}
                     : Offer::no("only float32, bfloat16, float16, uint8 and int32");
        },
    .pack = nullptr,
    .create = create_problem_state<CastProblem>,
    .run = run_cast,
};

}  // namespace lasso::kernels
