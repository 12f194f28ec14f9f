// Softmax with AVX2 and AVX-512: rows, or columns of a matrix, are divided between the threads.
#include <algorithm>

#include "core/threads.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_isa.h"

namespace lasso::kernels {

namespace {

template <CpuFeature kFeature>
void softmax_rows(const SoftmaxRows& rows) {
  if constexpr (kFeature == CpuFeature::kAvx512) {
    softmax_avx512(rows);
  } else {
    softmax_avx2(rows);
  }
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SoftmaxProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  if (p.count == 0) return;
  // Of results: several matrices begin and end within a thread's part.
  const auto part = [&](int /*thread*/, std::int64_t begin, std::int64_t end) {
    if (p.inner == 1) {
      return softmax_rows<kFeature>(
          {x + begin * p.count, y + begin * p.count, p.count, 1, end - begin});
    }
    while (begin < end) {
      const std::int64_t column = begin % p.inner;
      const std::int64_t columns = std::min(end - begin, p.inner - column);
      const std::int64_t first = begin / p.inner * p.count * p.inner + column;
      softmax_rows<kFeature>({x + first, y + first, p.count, p.inner, columns});
      begin += columns;
    }
  };
  constexpr std::int64_t kSmall = 4096;  // exponentials, a few microseconds
  parallel_ranges_unless(p.outer * p.count * p.inner <= kSmall, p.outer * p.inner, part);
}

}  // namespace

const Kernel<SoftmaxProblem> kSoftmaxAvx512{
    .name = "rows",
    .needs = {.features = CpuFeature::kAvx512},
    .offer = always<SoftmaxProblem>,
    .pack = nullptr,
    .create = create_problem_state<SoftmaxProblem>,
    .run = run<CpuFeature::kAvx512>,
};

const Kernel<SoftmaxProblem> kSoftmaxAvx2{
    .name = "rows",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = always<SoftmaxProblem>,
    .pack = nullptr,
    .create = create_problem_state<SoftmaxProblem>,
    .run = run<CpuFeature::kAvx2>,
};

}  // namespace lasso::kernels
