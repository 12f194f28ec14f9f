// The specification of Pad: row by row of the result.
#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "kernels/pad/pad.h"

namespace lasso::kernels {

namespace {

// Of x the index of the row that stands in a row of the result; -1 where there is none.
std::int64_t source_row(const PadProblem& p, std::int64_t row) {
  std::int64_t source = 0;
  std::int64_t stride = 1;
  for (std::size_t i = p.loops.size() - 1; i-- > 0;) {
    const PadLoop& loop = p.loops[i];
    const std::int64_t position = row % loop.result() - loop.before;
    row /= loop.result();
    if (position < 0 || position >= loop.count) return -1;
    source += position * stride;
    stride *= loop.count;
  }
  return source;
}

void fill(const PadProblem& p, std::byte* out, std::int64_t elements) {
  if (p.value == 0.0F) {
    std::memset(out, 0, static_cast<std::size_t>(elements * p.element_bytes));
  } else {
    std::fill_n(reinterpret_cast<float*>(out), elements, p.value);
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<PadProblem>&>(state).problem;
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const PadLoop& inner = p.loops.back();
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < p.loops.size(); ++i) rows *= p.loops[i].result();
  const std::int64_t row_bytes = inner.count * p.element_bytes;
  parallel_ranges(rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::byte* out = y + row * inner.result() * p.element_bytes;
      const std::int64_t source = source_row(p, row);
      if (source < 0 || row_bytes == 0) {
        fill(p, out, inner.result());
        continue;
      }
      fill(p, out, inner.before);
      out += inner.before * p.element_bytes;
      std::memcpy(out, x + source * row_bytes, static_cast<std::size_t>(row_bytes));
      fill(p, out + row_bytes, inner.after);
    }
  });
}

}  // namespace

const Kernel<PadProblem> kPadRef{
    .name = "reference",
    .needs = {},
    .offer =
        [](const PadProblem& p, const TargetInfo&) {
          return p.value == 0.0F || p.element_bytes == sizeof(float)
                     ? Offer{}
                     : Offer::no("a value in another type than float32");
        },
    .pack = nullptr,
    .create = create_problem_state<PadProblem>,
    .run = run,
};

}  // namespace lasso::kernels
