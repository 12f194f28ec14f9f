// Pool2d with AVX2 and AVX-512: rows of the result are divided between the threads.
#include <vector>

#include "core/threads.h"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_isa.h"

namespace lasso::kernels {

namespace {

class State final : public KernelState {
 public:
  explicit State(const Pool2dProblem& p) : problem(p) {
    for (std::int64_t j = 0; j < p.w.result; ++j) {
      const std::int64_t first = p.w.first_inside(j);
      columns.push_back({.first = p.w.begin(j) + first * p.w.dilation,
                         .count = p.w.end_inside(j) - first,
                         .divisor = static_cast<float>(p.w.divisor(j, p.count_padding))});
    }
  }
  Pool2dProblem problem;
  std::vector<PoolColumn> columns;
};

// Of a row of the image, for each thread.
std::int64_t scratch_bytes(const Pool2dProblem& p) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = p.w.size * p.channels * static_cast<std::int64_t>(size_of(p.dtype));
  return p.h.kernel == 1 ? 0 : (bytes + kLine - 1) / kLine * kLine;
}

Offer offer(const Pool2dProblem& p, const TargetInfo& target) {
  if (p.dtype != DType::kF32 && p.kind == graph::PoolKind::kAverage) {
    return Offer::no("means of numbers other than float32");
  }
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(scratch_bytes(p) * target.threads);
  return offer;
}

std::unique_ptr<KernelState> create(const Pool2dProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const Pool2dProblem& p = s.problem;
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const auto size = static_cast<std::int64_t>(size_of(p.dtype));
  const std::int64_t row_numbers = p.w.size * p.channels;
  const auto run_rows = [&](int thread, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t i = row % p.h.result;
      const std::int64_t first = p.h.first_inside(i);
      const std::int64_t rows = p.h.end_inside(i) - first;
      const std::int64_t top = rows == 0 ? 0 : p.h.begin(i) + first * p.h.dilation;
      const PoolRow of_row{.x = x + (row / p.h.result * p.h.size + top) * row_numbers * size,
                           .rows = rows,
                           .row_step = p.h.dilation * row_numbers,
                           .columns = s.columns.data(),
                           .column_step = p.w.dilation,
                           .width = p.w.size,
                           .results = p.w.result,
                           .channels = p.channels,
                           .divisor = static_cast<float>(p.h.divisor(i, p.count_padding)),
                           .scratch = args.workspace + thread * scratch_bytes(p),
                           .y = y + row * p.w.result * p.channels * size,
                           .average = p.kind == graph::PoolKind::kAverage,
                           .dtype = p.dtype};
      if constexpr (kFeature == CpuFeature::kAvx512) {
        pool_row_avx512(of_row);
      } else {
        pool_row_avx2(of_row);
      }
    }
  };
  if (p.count() == 0) return;
  const std::int64_t rows = p.batch * p.h.result;
  constexpr std::int64_t kSmall = 16384;  // elements
  parallel_ranges_unless(p.batch * p.h.size * row_numbers <= kSmall, rows, run_rows);
}

template <CpuFeature kFeature>
constexpr Kernel<Pool2dProblem> kernel() {
  return {
      .name = "rows",
      .needs = {.features = kFeature},
      .offer = offer,
      .pack = nullptr,
      .create = create,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<Pool2dProblem> kPool2dAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<Pool2dProblem> kPool2dAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
