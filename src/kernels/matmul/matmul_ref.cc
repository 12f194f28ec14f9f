// The specification of MatMul: plain fp32 loops, summed over k in ascending order.
#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/matmul/matmul.h"

namespace lasso::kernels {

namespace {

float dot(const float* a, const float* b, std::int64_t count) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void run(const KernelState& state, const KernelArgs& args) {
  const MatMulProblem& p = static_cast<const ProblemState<MatMulProblem>&>(state).problem;
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

const Kernel<MatMulProblem> kMatMulRef{
    .name = "reference",
    .needs = {},
    .offer = always<MatMulProblem>,
    .pack = nullptr,
    .create = create_problem_state<MatMulProblem>,
    .run = run,
};

}  // namespace lasso::kernels
