// The specification of Reduce: plain loops, in the order in which the elements lie.
#include <type_traits>

#include "core/threads.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_terms.h"

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

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ReduceProblem>&>(state).problem;
  const std::int64_t terms = p.terms();
  with_term_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto* x = static_cast<const T*>(args.inputs[0]);
    auto* y = static_cast<T*>(args.outputs[0]);
    parallel_ranges(p.results(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* first = x + offset_of(p.kept, i);
        T result = start_of<T>(p.kind);
        for (std::int64_t k = 0; k < terms; ++k) {
          result = combined(p.kind, result, first[offset_of(p.reduced, k)]);
        }
        y[i] = p.kind == graph::ReduceKind::kMean ? result / static_cast<T>(terms) : result;
      }
    });
  });
}

}  // namespace

const Kernel<ReduceProblem> kReduceRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const ReduceProblem& p, const TargetInfo&) {
          return reduces(p.dtype, p.kind) ? Offer{} : Offer::no("neither float32 nor int32");
        },
    .pack = nullptr,
    .create = create_problem_state<ReduceProblem>,
    .run = run,
};

}  // namespace lasso::kernels
