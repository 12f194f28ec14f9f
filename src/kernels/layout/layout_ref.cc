// The specification of the operations that move elements.
#include "core/bytes.h"
#include "core/threads.h"
#include "kernels/layout/layout.h"
#include "kernels/wrapped_index.h"

namespace lasso::kernels {

namespace {

// Calls part(begin, end) on ranges that cover [0, count), in this thread alone where few bytes are
// copied: to wake the team costs some microseconds.
template <typename F>
void divide(std::int64_t count, std::int64_t bytes_each, const F& part) {
  constexpr std::int64_t kSmall = 128 * 1024;
  if (count * bytes_each <= kSmall) {
    part(std::int64_t{0}, count);
  } else {
    parallel_ranges(count, part);
  }
}

// Runs the loops from `level` on.
void copy_nest(const std::vector<CopyLoop>& loops, std::size_t level, const std::byte* source,
               std::byte* target, std::size_t bytes) {
  if (level == loops.size()) {
    copy_bytes(target, source, bytes);
    return;
  }
  const CopyLoop& loop = loops[level];
  for (std::int64_t i = 0; i < loop.count; ++i) {
    copy_nest(loops, level + 1, source + i * loop.source_stride, target + i * loop.target_stride,
              bytes);
  }
}

void run_copy(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CopyProblem>&>(state).problem;
  const auto* source = static_cast<const std::byte*>(args.inputs[0]) + p.source_offset;
  auto* target = static_cast<std::byte*>(args.outputs[0]);
  if (p.loops.empty()) {
    divide(p.bytes, 1, [&](std::int64_t begin, std::int64_t end) {
      copy_bytes(target + begin, source + begin, static_cast<std::size_t>(end - begin));
    });
    return;
  }
  const CopyLoop outer = p.loops.front();
  std::int64_t inner_bytes = p.bytes;
  for (std::size_t i = 1; i < p.loops.size(); ++i) inner_bytes *= p.loops[i].count;
  if (inner_bytes == 0) return;
  divide(outer.count, inner_bytes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      copy_nest(p.loops, 1, source + i * outer.source_stride, target + i * outer.target_stride,
                static_cast<std::size_t>(p.bytes));
    }
  });
}

void run_concat(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ConcatProblem>&>(state).problem;
  std::int64_t row = 0;
  for (const std::int64_t bytes : p.bytes) row += bytes;
  const auto copy = [&](std::int64_t outer, std::size_t input, std::int64_t position) {
    copy_bytes(static_cast<std::byte*>(args.outputs[0]) + outer * row + position,
               static_cast<const std::byte*>(args.inputs[input]) + outer * p.bytes[input],
               static_cast<std::size_t>(p.bytes[input]));
  };
  divide(p.outer, row, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t outer = begin; outer < end; ++outer) {
      std::int64_t position = 0;
      for (std::size_t input = 0; input < p.bytes.size(); ++input) {
        copy(outer, input, position);
        position += p.bytes[input];
      }
    }
  });
}

// No row outside the table is read: one that is meant is the first or the last.
void run_gather(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherProblem>&>(state).problem;
  if (p.rows == 0) return;
  const auto* table = static_cast<const std::byte*>(args.inputs[0]);
  const auto* index = static_cast<const std::int32_t*>(args.inputs[1]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  divide(p.outer * p.count, p.row_bytes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = index[i % p.count] + p.offset;
      const std::int64_t row = p.wrap ? wrapped_index(at, p.rows) : clamped_index(at, p.rows);
      copy_bytes(y + i * p.row_bytes, table + (i / p.count * p.rows + row) * p.row_bytes,
                 static_cast<std::size_t>(p.row_bytes));
    }
  });
}

void run_sizes(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SizesProblem>&>(state).problem;
  copy_bytes(args.outputs[0], p.numbers.data(), p.numbers.size() * sizeof(std::int32_t));
}

}  // namespace

const Kernel<CopyProblem> kCopyRef{
    .name = "reference",
    .needs = {},
    .offer = always<CopyProblem>,
    .pack = nullptr,
    .create = create_problem_state<CopyProblem>,
    .run = run_copy,
};

const Kernel<ConcatProblem> kConcatRef{
    .name = "reference",
    .needs = {},
    .offer = always<ConcatProblem>,
    .pack = nullptr,
    .create = create_problem_state<ConcatProblem>,
    .run = run_concat,
};

const Kernel<GatherProblem> kGatherRef{
    .name = "reference",
    .needs = {},
    .offer = always<GatherProblem>,
    .pack = nullptr,
    .create = create_problem_state<GatherProblem>,
    .run = run_gather,
};

const Kernel<SizesProblem> kSizesRef{
    .name = "reference",
    .needs = {},
    .offer = always<SizesProblem>,
    .pack = nullptr,
    .create = create_problem_state<SizesProblem>,
    .run = run_sizes,
};

}  // namespace lasso::kernels
