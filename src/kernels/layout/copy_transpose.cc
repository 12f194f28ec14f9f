// Copies whose two innermost loops transpose a matrix of 32-bit elements, in blocks that stay in
// registers and in the first cache.
#include <algorithm>

#include "core/threads.h"
#include "kernels/cpu/transpose.h"
#include "kernels/layout/layout.h"

namespace lasso::kernels {

namespace {

// The innermost loop runs over rows of the source, the one before it along them.
Offer offer(const CopyProblem& p, const TargetInfo& /*target*/) {
  if (p.bytes != 4 || p.loops.size() < 2) return Offer::no("not a transpose of 32-bit elements");
  const CopyLoop& rows = p.loops.back();
  const CopyLoop& columns = p.loops[p.loops.size() - 2];
  if (columns.source_stride != 4 || rows.source_stride % 4 != 0 ||
      rows.source_stride < 4 * columns.count) {
    return Offer::no("not a transpose of the last two dimensions");
  }
  return {};
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CopyProblem>&>(state).problem;
  const auto* source = static_cast<const std::byte*>(args.inputs[0]) + p.source_offset;
  auto* target = static_cast<std::byte*>(args.outputs[0]);
  const std::size_t outer_loops = p.loops.size() - 2;
  const CopyLoop columns = p.loops[outer_loops];
  const CopyLoop rows = p.loops[outer_loops + 1];
  // A task is a part of a strip of the source's columns, which are rows of the result: an image's
  // few channels are one strip.
  constexpr std::int64_t kStrip = 8;
  constexpr std::int64_t kPart = 4096;  // rows of the source in a task,
  constexpr std::int64_t kBlock = 64;   // and at a time
  const std::int64_t strips = (columns.count + kStrip - 1) / kStrip;
  const std::int64_t parts = (rows.count + kPart - 1) / kPart;
  std::int64_t tasks = strips * parts;
  for (std::size_t i = 0; i < outer_loops; ++i) tasks *= p.loops[i].count;
  const auto range = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t column = task % strips * kStrip;
      const std::int64_t first = task / strips % parts * kPart;
      const std::int64_t last = std::min(first + kPart, rows.count);
      std::int64_t rest = task / strips / parts;
      const std::byte* from = source + column * 4;
      std::byte* to = target + column * columns.target_stride;
      for (std::size_t i = outer_loops; i-- > 0;) {
        const std::int64_t position = rest % p.loops[i].count;
        rest /= p.loops[i].count;
        from += position * p.loops[i].source_stride;
        to += position * p.loops[i].target_stride;
      }
      const auto* in = reinterpret_cast<const float*>(from);
      auto* out = reinterpret_cast<float*>(to);
      for (std::int64_t row = first; row < last; row += kBlock) {
        transpose_block(in + row * (rows.source_stride / 4), rows.source_stride / 4,
                        std::min(kBlock, last - row), std::min(kStrip, columns.count - column),
                        out + row, columns.target_stride / 4);
      }
    }
  };
  constexpr std::int64_t kSmall = 16384;  // elements: not worth waking the team
  if (tasks * kStrip * std::min(kPart, rows.count) <= kSmall) {
    range(0, tasks);
  } else {
    parallel_ranges(tasks, range);
  }
}

}  // namespace

const Kernel<CopyProblem> kCopyTransposeAvx2{
    .name = "transpose",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = offer,
    .pack = nullptr,
    .create = create_problem_state<CopyProblem>,
    .run = run,
};

}  // namespace lasso::kernels
