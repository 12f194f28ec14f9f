// The specification of Pool2d: window by window.
#include <limits>

#include "core/threads.h"
#include "kernels/pool/pool.h"

namespace lasso::kernels {

namespace {

// Of the window at row i and column j, whose pixels inside of the image are visited in order.
// x: the image from the channel on.
template <typename T, typename Value>
float pool(const Pool2dProblem& p, const T* x, std::int64_t i, std::int64_t j,
           const Value& value_of) {
  float largest = p.dtype == DType::kU8 ? 0.0F : -std::numeric_limits<float>::infinity();
  float sum = 0.0F;
  for (std::int64_t u = p.h.first_inside(i); u < p.h.end_inside(i); ++u) {
    for (std::int64_t v = p.w.first_inside(j); v < p.w.end_inside(j); ++v) {
      const std::int64_t row = p.h.begin(i) + u * p.h.dilation;
      const std::int64_t column = p.w.begin(j) + v * p.w.dilation;
      const float value = value_of(x[(row * p.w.size + column) * p.channels]);
      const bool is_nan = largest != largest;
      if (!is_nan && !(value <= largest)) largest = value;  // the first NaN stays
      sum += value;
    }
  }
  if (p.kind == graph::PoolKind::kMax) return largest;
  return sum /
         static_cast<float>(p.h.divisor(i, p.count_padding) * p.w.divisor(j, p.count_padding));
}

// `value_of` is the number that an element stands for, `element_of` the inverse.
template <typename T, typename Value, typename Element>
void run_as(const Pool2dProblem& p, const KernelArgs& args, const Value& value_of,
            const Element& element_of) {
  const auto* x = static_cast<const T*>(args.inputs[0]);
  auto* y = static_cast<T*>(args.outputs[0]);
  parallel_ranges(p.batch * p.h.result, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t image = row / p.h.result * p.h.size * p.w.size * p.channels;
      T* out = y + row * p.w.result * p.channels;
      for (std::int64_t j = 0; j < p.w.result; ++j) {
        for (std::int64_t c = 0; c < p.channels; ++c) {
          *out++ = element_of(pool(p, x + image + c, row % p.h.result, j, value_of));
        }
      }
    }
  });
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Pool2dProblem>&>(state).problem;
  if (is_half(p.dtype)) {
    run_as<std::uint16_t>(
        p, args, [&](std::uint16_t bits) { return half_to_f32(p.dtype, bits); },
        [&](float value) { return f32_to_half(p.dtype, value); });
  } else if (p.dtype == DType::kU8) {
    run_as<std::uint8_t>(
        p, args, [](std::uint8_t q) { return static_cast<float>(q); },
        [](float value) { return static_cast<std::uint8_t>(value); });
  } else {
    run_as<float>(
        p, args, [](float value) { return value; }, [](float value) { return value; });
  }
}

}  // namespace

const Kernel<Pool2dProblem> kPool2dRef{
    .name = "reference",
    .needs = {},
    .offer = always<Pool2dProblem>,
    .pack = nullptr,
    .create = create_problem_state<Pool2dProblem>,
    .run = run,
};

}  // namespace lasso::kernels
