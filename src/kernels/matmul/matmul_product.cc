// MatMul by our own product: each thread packs a panel of B when it comes to it, 64 rows and a part
// of k, into memory that stays in its first or second cache, and multiplies A's rows with it. For
// few rows of A (the hypernetworks of a mask decoder: 4 rows, k = 32, n = 65536) that is one pass
// over B.
#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/product_isa.h"
#include "kernels/cpu/transpose.h"
#include "kernels/matmul/matmul.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kPart = 256;  // of k at a time
constexpr std::int64_t kRows = 480;  // of A at a time

struct Grid {
  explicit Grid(const MatMulProblem& p)
      : panels(panel_count(p.n)), blocks((p.m + kRows - 1) / kRows) {}
  std::int64_t panels;
  std::int64_t blocks;
};

std::int64_t panel_size(const MatMulProblem& p) { return std::min(p.k, kPart) * kPanel; }

// Rows [begin, end) of batch `batch` by the rows of B from `column` on.
void multiply(const ProductIsa& isa, const MatMulProblem& p, const float* a, const float* b,
              float* y, std::int64_t begin, std::int64_t end, std::int64_t column, float* panel) {
  constexpr float kNoBias[kPanel] = {};
  const std::int64_t columns = std::min(kPanel, p.n - column);
  if (columns < kPanel) {
    std::memset(panel, 0, static_cast<std::size_t>(panel_size(p)) * sizeof(float));
  }
  for (std::int64_t k = 0; k < p.k; k += kPart) {
    const std::int64_t depth = std::min(kPart, p.k - k);
    // With few rows of A the time is that of reading B: the panel after the next one is asked for
    // while this one is packed.
    if (end - begin <= kMaxTileRows) {
      constexpr std::int64_t kLine = 16;
      const std::int64_t ahead = column + 2 * kPanel;
      for (std::int64_t row = ahead; row < std::min(ahead + kPanel, p.n); ++row) {
        const float* next = b + row * p.k + k;
        for (std::int64_t i = 0; i < depth; i += kLine) __builtin_prefetch(next + i, 0, 2);
      }
    }
    transpose_block(b + column * p.k + k, p.k, columns, depth, panel, kPanel);
    for (std::int64_t row = begin; row < end;) {
      const int count = static_cast<int>(std::min<std::int64_t>(isa.rows, end - row));
      const float* a_rows[kMaxTileRows];
      float* y_rows[kMaxTileRows];
      for (int r = 0; r < count; ++r) {
        a_rows[r] = a + (row + r) * p.k + k;
        y_rows[r] = y + (row + r) * p.n + column;
      }
      isa.run({.rows = count,
               .columns = static_cast<int>(columns),
               .segments = 1,
               .depth = depth,
               .a = a_rows,
               .weights = panel,
               .bias = kNoBias,
               .y = y_rows,
               .residual = nullptr,
               .first = k == 0,
               .last = k + depth == p.k,
               .activation = p.activation});
      row += count;
    }
  }
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<MatMulProblem>&>(state);
  const MatMulProblem& p = s.problem;
  const auto* a = static_cast<const float*>(args.inputs[0]);
  const auto* b = static_cast<const float*>(args.inputs[1]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const Grid grid(p);
  const auto range = [&](std::int64_t begin, std::int64_t end, int thread) {
    float* panel = reinterpret_cast<float*>(args.workspace) + thread * panel_size(p);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t batch = task / (grid.panels * grid.blocks);
      const std::int64_t block = task / grid.panels % grid.blocks;
      const std::int64_t column = task % grid.panels * kPanel;
      multiply(product_isa(kFeature), p, a + p.a_offsets[static_cast<std::size_t>(batch)],
               b + p.b_offsets[static_cast<std::size_t>(batch)], y + batch * p.m * p.n,
               p.m * block / grid.blocks, p.m * (block + 1) / grid.blocks, column, panel);
    }
  };
  const std::int64_t tasks = p.batch * grid.panels * grid.blocks;
  constexpr std::int64_t kSmall = 200'000;  // multiply-adds: not worth waking the team
  if (p.batch * p.m * p.n * p.k <= kSmall) {
    range(0, tasks, 0);
    return;
  }
  parallel([&](int thread, int threads) {
    // A team may be larger than planned for; what lies beyond has no memory.
    const int used = std::min(threads, s.target.threads);
    if (thread < used) range(tasks * thread / used, tasks * (thread + 1) / used, thread);
  });
}

template <CpuFeature kFeature>
Offer offer(const MatMulProblem& p, const TargetInfo& target) {
  if (p.k == 0) return Offer::no("nothing to sum");
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(panel_size(p) * target.threads) * sizeof(float);
  // Each panel of B is transposed, as long as it takes to multiply a row by it.
  const double rows = static_cast<double>(std::max<std::int64_t>(p.m, 1));
  offer.cost = operations(p) * (1 + 1 / rows) / target.rate(fp32_multiply_add(kFeature));
  return offer;
}

template <CpuFeature kFeature>
constexpr Kernel<MatMulProblem> kernel() {
  return {
      .name = "product",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = nullptr,
      .create = create_problem_state<MatMulProblem>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<MatMulProblem> kMatMulProductAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<MatMulProblem> kMatMulProductAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
