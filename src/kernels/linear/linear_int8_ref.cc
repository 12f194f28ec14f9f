// The specification: exact integer sums, then float32.
#include <cstring>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/int8_product.h"
#include "kernels/linear/linear_reference.h"
#include "quant/number_schemes.h"

namespace lasso::kernels::linear_int8_reference {

namespace {

// Q [n, k] int8, padded to whole floats, then s, b and output_gain [n] float32.
std::size_t weight_bytes(const LinearProblem& p) {
  return (static_cast<std::size_t>(p.n * p.k) + 3) / 4 * 4;
}

}  // namespace

Offer offer(const LinearProblem& p, const TargetInfo& target) {
  if (p.k > kInt8MostInputs) return Offer::no("sums of over 65536");
  Offer offer;
  offer.packed_bytes = weight_bytes(p) + 3 * static_cast<std::size_t>(p.n) * sizeof(float);
  offer.packed_layout = "int8 W [n, k], s, b, output gain [n]";
  offer.workspace_bytes =
      static_cast<std::size_t>(p.n) * sizeof(float) * static_cast<std::size_t>(target.threads);
  return offer;
}

void pack(const LinearProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const Int8Constants weights = int8_constants(p, constants);
  std::memset(packed, 0, weight_bytes(p));
  std::memcpy(packed, weights.q.data(), weights.q.size());
  auto* out = reinterpret_cast<float*>(packed + weight_bytes(p));
  for (const auto* values : {&weights.scales, &weights.bias, &weights.output_gain}) {
    out = std::copy(values->begin(), values->end(), out);
  }
}

void run(const LinearProblem& p, const KernelArgs& args) {
  const auto* x = static_cast<const std::uint8_t*>(args.inputs[0]);
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  const auto* x_scales = static_cast<const float*>(args.inputs[4]);
  const auto* w = reinterpret_cast<const std::int8_t*>(args.packed);
  const auto* s = reinterpret_cast<const float*>(args.packed + weight_bytes(p));
  const float* bias = s + p.n;
  const float* output_gain = bias + p.n;
  parallel([&](int thread, int threads) {
    float* row = reinterpret_cast<float*>(args.workspace) + thread * p.n;
    for (std::int64_t m = p.m * thread / threads; m < p.m * (thread + 1) / threads; ++m) {
      for (std::int64_t n = 0; n < p.n; ++n) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          sum += (static_cast<std::int32_t>(x[m * p.k + k]) - 128) * w[n * p.k + k];
        }
        const float value = static_cast<float>(sum) * (x_scales[m] * s[n]) + bias[n];
        row[n] = activate(p.activation, value);
        if (residual != nullptr) row[n] += residual[m * p.n + n];
        row[n] *= output_gain[n];
      }
      switch (p.output) {
        case DType::kBF16:
          for (std::int64_t n = 0; n < p.n; ++n) {
            static_cast<std::uint16_t*>(args.outputs[0])[m * p.n + n] = f32_to_bf16(row[n]);
          }
          break;
        case DType::kU8:
          static_cast<float*>(args.outputs[1])[m] =
              quant::quantize_row(row, p.n, static_cast<std::uint8_t*>(args.outputs[0]) + m * p.n);
          break;
        default:
          std::memcpy(static_cast<float*>(args.outputs[0]) + m * p.n, row,
                      static_cast<std::size_t>(p.n) * sizeof(float));
      }
    }
  });
}

}  // namespace lasso::kernels::linear_int8_reference
