// The specification: plain float32 loops over the values that bfloat16 or float16 numbers stand
// for.
#include <algorithm>
#include <array>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"
#include "kernels/linear/linear_reference.h"

namespace lasso::kernels::linear_half_reference {

// W^T [k, n] in float32, rounded to the weights' type, then the bias [n].
Offer offer(const LinearProblem& p) {
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(p.k * p.n + p.n) * sizeof(float);
  offer.packed_layout =
      p.weights == DType::kF16 ? "f32 of f16 W^T [k, n], b [n]" : "f32 of bf16 W^T [k, n], b [n]";
  return offer;
}

void pack(const LinearProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t k = 0; k < p.k; ++k) {
      out[k * p.n + n] = rounded_to_half(p.weights, w[static_cast<std::size_t>(n * p.k + k)]);
    }
  }
  read_bias(constants, p.n, out + p.k * p.n);
}

void run(const LinearProblem& p, const KernelArgs& args) {
  const auto x = [&](std::int64_t i) {
    if (is_half(p.input)) {
      return half_to_f32(p.input, static_cast<const std::uint16_t*>(args.inputs[0])[i]);
    }
    return rounded_to_half(p.weights, static_cast<const float*>(args.inputs[0])[i]);
  };
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  constexpr std::int64_t kColumns = 64;  // summed at once, without memory of a row's length
  const auto sum_columns = [&](std::int64_t m, std::int64_t first, std::int64_t columns) {
    std::array<float, kColumns> sums{};
    for (std::int64_t k = 0; k < p.k; ++k) {
      const float value = x(m * p.k + k);
      const float* row = w + k * p.n + first;
      for (std::int64_t n = 0; n < columns; ++n)
        sums[static_cast<std::size_t>(n)] += value * row[n];
    }
    for (std::int64_t n = 0; n < columns; ++n) {
      const std::int64_t i = m * p.n + first + n;
      const float sum = sums[static_cast<std::size_t>(n)] + w[p.k * p.n + first + n];
      const float y = activate(p.activation, sum) + (residual != nullptr ? residual[i] : 0.0F);
      if (is_half(p.output)) {
        static_cast<std::uint16_t*>(args.outputs[0])[i] = f32_to_half(p.output, y);
      } else {
        static_cast<float*>(args.outputs[0])[i] = y;
      }
    }
  };
  parallel_ranges(p.m, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t m = begin; m < end; ++m) {
      for (std::int64_t n = 0; n < p.n; n += kColumns) {
        sum_columns(m, n, std::min(kColumns, p.n - n));
      }
    }
  });
}

}  // namespace lasso::kernels::linear_half_reference
