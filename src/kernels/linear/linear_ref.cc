// The specification of Linear: plain fp32 loops, summed over k in ascending order; and the choice
// between it and those of lower precisions.
#include <algorithm>
#include <string>
#include <vector>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"
#include "kernels/linear/linear_reference.h"

namespace lasso::kernels {

namespace {

// Weights are packed as W^T [k, n], then the bias [n]: columns are independent sums, which the
// compiler vectorises without changing their order.
Offer offer_f32(const LinearProblem& p) {
  Offer offer;
  if (p.packed) {
    offer.packed_bytes = static_cast<std::size_t>(p.k * p.n + p.n) * sizeof(float);
    offer.packed_layout = "f32 W^T [k, n], b [n]";
  }
  return offer;
}

void pack_f32(const LinearProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t k = 0; k < p.k; ++k) {
      out[k * p.n + n] = w[static_cast<std::size_t>(n * p.k + k)];
    }
  }
  read_bias(constants, p.n, out + p.k * p.n);
}

constexpr std::int64_t kColumns = 64;  // of a block whose sums stay in registers or L1

// sums[0:columns] = x [k] . w [k, columns], rows of w `stride` apart.
void row_times_matrix(const float* x, const float* w, std::int64_t k, std::int64_t stride,
                      std::int64_t columns, float* sums) {
  std::fill_n(sums, columns, 0.0F);
  for (std::int64_t i = 0; i < k; ++i) {
    const float scale = x[i];
    const float* row = w + i * stride;
    for (std::int64_t j = 0; j < columns; ++j) sums[j] += scale * row[j];
  }
}

float dot(const float* a, const float* b, std::int64_t count) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void run_f32(const LinearProblem& p, const KernelArgs& args) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* w = p.packed ? reinterpret_cast<const float*>(args.packed)
                           : static_cast<const float*>(args.inputs[1]);
  const float* bias = p.packed ? w + p.k * p.n
                      : p.bias ? static_cast<const float*>(args.inputs[2])
                               : nullptr;
  const float* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  auto* y = static_cast<float*>(args.outputs[0]);
  parallel_ranges(p.m, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n0 = 0; n0 < p.n; n0 += kColumns) {
      const std::int64_t columns = std::min(kColumns, p.n - n0);
      for (std::int64_t m = begin; m < end; ++m) {
        float sums[kColumns];
        if (p.packed) {
          row_times_matrix(x + m * p.k, w + n0, p.k, p.n, columns, sums);
        } else {
          for (std::int64_t j = 0; j < columns; ++j) {
            sums[j] = dot(x + m * p.k, w + (n0 + j) * p.k, p.k);
          }
        }
        for (std::int64_t j = 0; j < columns; ++j) {
          const std::int64_t n = n0 + j;
          const float sum = bias != nullptr ? sums[j] + bias[n] : sums[j];
          const float value = activate(p.activation, sum);
          y[m * p.n + n] = residual != nullptr ? value + residual[m * p.n + n] : value;
        }
      }
    }
  });
}

Offer offer(const LinearProblem& p, const TargetInfo& target) {
  switch (p.weights) {
    case DType::kF32:
      return offer_f32(p);
    case DType::kBF16:
    case DType::kF16:
      return linear_half_reference::offer(p);
    case DType::kI8:
      return linear_int8_reference::offer(p, target);
    default:
      return Offer::no("weights of type " + std::string(to_string(p.weights)));
  }
}

void pack(const LinearProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  if (is_half(p.weights)) return linear_half_reference::pack(p, constants, packed);
  if (p.weights == DType::kI8) return linear_int8_reference::pack(p, constants, packed);
  pack_f32(p, constants, packed);
}

void run(const KernelState& state, const KernelArgs& args) {
  const LinearProblem& p = static_cast<const ProblemState<LinearProblem>&>(state).problem;
  if (is_half(p.weights)) return linear_half_reference::run(p, args);
  if (p.weights == DType::kI8) return linear_int8_reference::run(p, args);
  run_f32(p, args);
}

}  // namespace

const Kernel<LinearProblem> kLinearRef{
    .name = "reference",
    .needs = {},
    .offer = offer,
    .pack = pack,
    .create = create_problem_state<LinearProblem>,
    .run = run,
};

}  // namespace lasso::kernels
