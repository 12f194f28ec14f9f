// The specification of Linear and MatMul: plain fp32 loops, summed over k in ascending order.
#include <algorithm>
#include <vector>

#include "core/threads.h"
#include "kernels/activation.h"
#include "kernels/constant.h"
#include "kernels/gemm/gemm.h"

namespace lasso::kernels {

namespace {

using LinearState = ProblemState<LinearProblem>;
using MatMulState = ProblemState<MatMulProblem>;

// Weights are packed as W^T [k, n], then the bias [n]: columns are independent sums, which the
// compiler vectorises without changing their order.
KernelPlan plan_linear(const LinearProblem& p, const Target& target) {
  KernelPlan plan;
  if (p.packed) {
    plan.packed_bytes = static_cast<std::size_t>(p.k * p.n + p.n) * sizeof(float);
    plan.packed_layout = "f32 W^T [k, n], b [n]";
  }
  plan.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / (4e9 * target.threads);
  return plan;
}

void pack_linear(const LinearProblem& p, const std::vector<TensorView>& constants,
                 std::byte* packed) {
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

void run_linear(const KernelState& state, const KernelArgs& args) {
  const LinearProblem& p = static_cast<const LinearState&>(state).problem;
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

KernelPlan plan_matmul(const MatMulProblem& p, const Target& target) {
  KernelPlan plan;
  plan.cost = 2.0 * static_cast<double>(p.batch * p.m * p.n * p.k) / (1e9 * target.threads);
  return plan;
}

void run_matmul(const KernelState& state, const KernelArgs& args) {
  const MatMulProblem& p = static_cast<const MatMulState&>(state).problem;
  const auto* a = static_cast<const float*>(args.inputs[0]);
  const auto* b = static_cast<const float*>(args.inputs[1]);
  auto* y = static_cast<float*>(args.outputs[0]);
  parallel_ranges(p.batch * p.m, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const auto batch = static_cast<std::size_t>(row / p.m);
      const float* a_row = a + p.a_offsets[batch] + row % p.m * p.k;
      const float* b_rows = b + p.b_offsets[batch];
      for (std::int64_t n = 0; n < p.n; ++n) {
        y[row * p.n + n] = activate(p.activation, dot(a_row, b_rows + n * p.k, p.k));
      }
    }
  });
}

}  // namespace

const Kernel<LinearProblem> kLinearRef{
    .name = "reference",
    .isa = Isa::kReference,
    .supports = [](const LinearProblem&, const Target&) { return Support::yes(); },
    .plan = plan_linear,
    .pack = pack_linear,
    .create = create_problem_state<LinearProblem>,
    .run = run_linear,
};

const Kernel<MatMulProblem> kMatMulRef{
    .name = "reference",
    .isa = Isa::kReference,
    .supports = [](const MatMulProblem&, const Target&) { return Support::yes(); },
    .plan = plan_matmul,
    .pack = nullptr,
    .create = create_problem_state<MatMulProblem>,
    .run = run_matmul,
};

}  // namespace lasso::kernels
