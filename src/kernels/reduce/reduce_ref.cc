// The specification of Reduce: plain fp32 loops, in the order in which the elements lie.
#include <algorithm>
#include <limits>

#include "core/threads.h"
#include "kernels/reduce/reduce.h"

namespace lasso::kernels {

namespace {

// The offset of a position of the loops, counted row by row.
std::int64_t offset_of(const std::vector<ReduceLoop>& loops, std::int64_t position) {
  std::int64_t offset = 0;
  for (std::size_t i = loops.size(); i-- > 0;) {
    offset += position % loops[i].count * loops[i].stride;
    position /= loops[i].count;
  }
  return offset;
}

float start_of(graph::ReduceKind kind) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (kind) {
    case graph::ReduceKind::kMax:
      return -kInfinity;
    case graph::ReduceKind::kMin:
      return kInfinity;
    case graph::ReduceKind::kSum:
    case graph::ReduceKind::kMean:
      break;
  }
  return 0.0F;
}

// NaN wins, whatever it is compared with.
float combine(graph::ReduceKind kind, float a, float b) {
  if (kind == graph::ReduceKind::kMax) return a > b || a != a ? a : b;
  if (kind == graph::ReduceKind::kMin) return a < b || a != a ? a : b;
  return a + b;
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ReduceProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t terms = p.terms();
  parallel_ranges(p.results(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* first = x + offset_of(p.kept, i);
      float result = start_of(p.kind);
      for (std::int64_t k = 0; k < terms; ++k) {
        result = combine(p.kind, result, first[offset_of(p.reduced, k)]);
      }
      y[i] = p.kind == graph::ReduceKind::kMean ? result / static_cast<float>(terms) : result;
    }
  });
}

}  // namespace

const Kernel<ReduceProblem> kReduceRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const ReduceProblem& p, const TargetInfo&) {
          return p.float32 ? Offer{} : Offer::no("another type than float32");
        },
    .pack = nullptr,
    .create = create_problem_state<ReduceProblem>,
    .run = run,
};

}  // namespace lasso::kernels
