// Linear in bfloat16 by our own product: any shape.
//
// A thread takes rows (or panels of W, where there are few rows). Of its rows it packs a block that
// stays in the second cache, and sends the panels of W past it, which the third cache holds.
#include <algorithm>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/threads.h"
#include "kernels/constant.h"
#include "kernels/gemm_bf16/product_bf16.h"

namespace lasso::kernels {

namespace bf16 {

KernelPlan plan_packed(const LinearBf16Problem& p) {
  KernelPlan plan;
  plan.packed_bytes = static_cast<std::size_t>(panel_elements(p.n, p.k)) * sizeof(std::uint16_t) +
                      static_cast<std::size_t>(panel_count(p.n) * kPanel) * sizeof(float);
  plan.packed_layout = kPanelLayout;
  return plan;
}

void pack(const LinearBf16Problem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  std::memset(packed, 0, plan_packed(p).packed_bytes);
  const std::vector<float> w = read_f32(constants.at(0));
  auto* weights = reinterpret_cast<std::uint16_t*>(packed);
  for (std::int64_t n = 0; n < p.n; ++n) {
    std::uint16_t* column = weights + n / kPanel * panel_size(p.k) + n % kPanel * 2;
    for (std::int64_t k = 0; k < p.k; ++k) {
      column[k / 2 * 2 * kPanel + k % 2] = f32_to_bf16(w[static_cast<std::size_t>(n * p.k + k)]);
    }
  }
  read_bias(constants, p.n, reinterpret_cast<float*>(weights + panel_elements(p.n, p.k)));
}

}  // namespace bf16

namespace {

// Rows of a block.
std::int64_t block_rows(const LinearBf16Problem& p) {
  constexpr std::int64_t kBlockElements = std::int64_t{224} << 10U;
  const std::int64_t tiles = kBlockElements / std::max<std::int64_t>(p.k * bf16::kMaxTileRows, 1);
  return std::clamp<std::int64_t>(tiles, 1, 20) * bf16::kMaxTileRows;
}

std::size_t block_bytes(const LinearBf16Problem& p) {
  const std::int64_t rows = std::min(block_rows(p), p.m);
  return align_up(static_cast<std::size_t>(rows * (p.k + p.k % 2)) * sizeof(std::uint16_t));
}

Support supports(const LinearBf16Problem& p, const Target& /*target*/) {
  return p.k == 0 ? Support::no("no columns to sum over") : Support::yes();
}

KernelPlan plan(const LinearBf16Problem& p, const Target& target) {
  KernelPlan plan = bf16::plan_packed(p);
  plan.workspace_bytes = block_bytes(p) * static_cast<std::size_t>(target.threads);
  plan.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / (4e11 * target.threads) + 1e-6;
  return plan;
}

struct Range {
  std::int64_t row_begin, row_end, panel_begin, panel_end;
};

void run_range(const LinearBf16Problem& p, const KernelArgs& args, const Range& range,
               std::uint16_t* block) {
  const auto* x = static_cast<const std::uint16_t*>(args.inputs[0]);
  const auto* weights = reinterpret_cast<const std::uint16_t*>(args.packed);
  const auto* bias = reinterpret_cast<const float*>(weights + bf16::panel_elements(p.n, p.k));
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  const bool bf16_output = p.output == DType::kBF16;
  const std::int64_t panel_size = bf16::panel_size(p.k);
  const std::int64_t padded_k = p.k + p.k % 2;
  for (std::int64_t begin = range.row_begin; begin < range.row_end; begin += block_rows(p)) {
    const std::int64_t rows = std::min(block_rows(p), range.row_end - begin);
    const std::int64_t tiles = (rows + bf16::kMaxTileRows - 1) / bf16::kMaxTileRows;
    for (std::int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
      const std::int64_t column = panel * bf16::kPanel;
      const std::uint16_t* ahead =
          weights + (panel + 1 < range.panel_end ? panel + 1 : range.panel_begin) * panel_size;
      bf16::Tile tile;
      tile.columns = static_cast<int>(std::min(bf16::kPanel, p.n - column));
      tile.pairs = padded_k / 2;
      tile.weights = weights + panel * panel_size;
      tile.bias = bias + column;
      tile.stride = p.n;
      tile.bf16_output = bf16_output;
      tile.activation = p.activation;
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t first = rows * i / tiles;
        tile.rows = static_cast<int>(rows * (i + 1) / tiles - first);
        std::uint16_t* a = block + first * padded_k;
        const std::int64_t row = begin + first;
        if (panel == range.panel_begin) {
          bf16::kAvx512Bf16.pack_rows(x + row * p.k, tile.rows, p.k, a);
        }
        tile.a = a;
        const std::int64_t at = row * p.n + column;
        tile.y = static_cast<std::byte*>(args.outputs[0]) +
                 at * static_cast<std::int64_t>(size_of(p.output));
        tile.residual = residual == nullptr ? nullptr : residual + at;
        tile.ahead = ahead + panel_size * i / tiles;
        tile.ahead_size = panel_size * (i + 1) / tiles - panel_size * i / tiles;
        bf16::kAvx512Bf16.run(tile);
      }
    }
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<LinearBf16Problem>&>(state);
  const LinearBf16Problem& p = s.problem;
  const std::int64_t panels = bf16::panel_count(p.n);
  const std::size_t bytes = block_bytes(p);
  const auto run_part = [&](int thread, int threads) {
    Range range{0, p.m, 0, panels};
    // Every element of y is the same sum, however the work is divided.
    const bool by_panels = p.m < 4 * bf16::kMaxTileRows * threads && panels >= threads;
    const std::int64_t count = by_panels ? panels : p.m;
    const std::int64_t begin = count * thread / threads;
    const std::int64_t end = count * (thread + 1) / threads;
    if (by_panels) {
      range = {0, p.m, begin, end};
    } else {
      range = {begin, end, 0, panels};
    }
    run_range(p, args, range,
              reinterpret_cast<std::uint16_t*>(args.workspace +
                                               static_cast<std::size_t>(thread) * bytes));
  };
  // To start and to join a team costs some microseconds, in which one core does a megaflop.
  if (p.m * p.n * p.k < 500'000) {
    run_part(0, 1);
    return;
  }
  parallel([&](int thread, int team) {
    const int threads = std::min(team, s.target.threads);
    if (thread < threads) run_part(thread, threads);
  });
}

}  // namespace

const Kernel<LinearBf16Problem> kLinearBf16Product{
    .name = "product",
    .isa = Isa::kAvx512Bf16,
    .supports = supports,
    .plan = plan,
    .pack = bf16::pack,
    .create = create_problem_state<LinearBf16Problem>,
    .run = run,
};

}  // namespace lasso::kernels
