// The specification of Softmax: the maximum is subtracted, so that no exponential overflows.
#include <cmath>

#include "core/threads.h"
#include "kernels/softmax/softmax.h"

namespace lasso::kernels {

namespace {

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SoftmaxProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  if (p.count == 0) return;
  parallel_ranges(p.outer * p.inner, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i / p.inner * p.count * p.inner + i % p.inner;
      float max = x[first];
      for (std::int64_t k = 1; k < p.count; ++k) {
        const float value = x[first + k * p.inner];
        if (value > max) max = value;
      }
      double sum = 0.0;  // of many small terms beside large ones, which float32 would lose
      for (std::int64_t k = 0; k < p.count; ++k) {
        const float value = std::exp(x[first + k * p.inner] - max);
        y[first + k * p.inner] = value;
        sum += value;
      }
      const auto divisor = static_cast<float>(sum);
      for (std::int64_t k = 0; k < p.count; ++k) y[first + k * p.inner] /= divisor;
    }
  });
}

}  // namespace

const Kernel<SoftmaxProblem> kSoftmaxRef{
    .name = "reference",
    .needs = {},
    .offer = always<SoftmaxProblem>,
    .pack = nullptr,
    .create = create_problem_state<SoftmaxProblem>,
    .run = run,
};

}  // namespace lasso::kernels
