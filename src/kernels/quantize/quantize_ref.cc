// The specification of Quantize and Cast.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

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

void run_quantize_tensor(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<QuantizeTensorProblem>&>(state).problem;
  auto* q = static_cast<std::uint8_t*>(args.outputs[0]);
  parallel_ranges(p.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      q[i] = quant::quantize(value(args.inputs[0], p.input, i), p.scheme);
    }
  });
}

// A float64 as float32 with the last bit set where anything was cut off ("rounding to odd"):
// rounded once more to fewer bits, it becomes what the float64 itself is rounded to.
float f64_to_odd(double value) {
  auto nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::abs(static_cast<double>(nearest)) > std::abs(value)) bits -= 1;  // towards zero
  return std::bit_cast<float>(bits | 1);
}

std::int64_t integer_at(const void* x, DType dtype, std::int64_t i) {
  switch (dtype) {
    case DType::kI8:
      return static_cast<const std::int8_t*>(x)[i];
    case DType::kU8:
      return static_cast<const std::uint8_t*>(x)[i];
    case DType::kI16:
      return static_cast<const std::int16_t*>(x)[i];
    case DType::kI32:
      return static_cast<const std::int32_t*>(x)[i];
    case DType::kI64:
      return static_cast<const std::int64_t*>(x)[i];
    default:
      return static_cast<const std::uint8_t*>(x)[i] != 0 ? 1 : 0;
  }
}

template <typename T>
void store(void* y, std::int64_t i, T element) {
  static_cast<T*>(y)[i] = element;
}

// The lower bits, but for int32 of an int64.
void cast_integer(const CastProblem& p, const void* x, void* y, std::int64_t i) {
  const std::int64_t element = integer_at(x, p.from, i);
  switch (p.to) {
    case DType::kBool:
      return store<std::uint8_t>(y, i, element != 0 ? 1 : 0);
    case DType::kI8:
      return store(y, i, static_cast<std::int8_t>(element));
    case DType::kU8:
      return store(y, i, static_cast<std::uint8_t>(element));
    case DType::kI16:
      return store(y, i, static_cast<std::int16_t>(element));
    case DType::kI32:
      return store(
          y, i, static_cast<std::int32_t>(std::clamp<std::int64_t>(element, INT32_MIN, INT32_MAX)));
    case DType::kI64:
      return store(y, i, element);
    case DType::kF64:
      return store(y, i, static_cast<double>(element));
    case DType::kF32:
      return store(y, i, static_cast<float>(element));
    case DType::kBF16:
    case DType::kF16:
      return store(y, i, f32_to_half(p.to, static_cast<float>(element)));
  }
}

// Towards zero, and to the nearest that there is; NaN becomes 0.
template <typename T>
T to_integer(double element) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(element)) return 0;
  if (element <= static_cast<double>(Limits::min())) return Limits::min();
  // 2^63 is the float64 next to the largest int64.
  if (element >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(element);
}

// NaNs stay NaNs between floats, and keep their upper bits.
void cast_float(const CastProblem& p, const void* x, void* y, std::int64_t i) {
  const bool is_double = p.from == DType::kF64;
  const double element =
      is_double ? static_cast<const double*>(x)[i] : static_cast<double>(value(x, p.from, i));
  switch (p.to) {
    case DType::kBool:
      return store<std::uint8_t>(y, i, element != 0 ? 1 : 0);
    case DType::kI8:
      return store(y, i, to_integer<std::int8_t>(element));
    case DType::kU8:
      return store(y, i, to_integer<std::uint8_t>(element));
    case DType::kI16:
      return store(y, i, to_integer<std::int16_t>(element));
    case DType::kI32:
      return store(y, i, to_integer<std::int32_t>(element));
    case DType::kI64:
      return store(y, i, to_integer<std::int64_t>(element));
    case DType::kF64:
      return store(y, i, element);
    case DType::kF32:
      return store(y, i, is_double ? static_cast<float>(element) : value(x, p.from, i));
    case DType::kBF16:
    case DType::kF16:
      return store(y, i, f32_to_half(p.to, is_double ? f64_to_odd(element) : value(x, p.from, i)));
  }
}

void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  const bool from_float = is_float(p.from) || p.from == DType::kF64;
  parallel_ranges(p.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (from_float) {
        cast_float(p, args.inputs[0], args.outputs[0], i);
      } else {
        cast_integer(p, args.inputs[0], args.outputs[0], i);
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

const Kernel<QuantizeTensorProblem> kQuantizeTensorRef{
    .name = "reference",
    .needs = {},
    .offer = always<QuantizeTensorProblem>,
    .pack = nullptr,
    .create = create_problem_state<QuantizeTensorProblem>,
    .run = run_quantize_tensor,
};

const Kernel<CastProblem> kCastRef{
    .name = "reference",
    .needs = {},
    .offer = always<CastProblem>,
    .pack = nullptr,
    .create = create_problem_state<CastProblem>,
    .run = run_cast,
};

}  // namespace lasso::kernels
