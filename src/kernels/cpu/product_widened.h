// Products of bfloat16 matrices in float32 arithmetic: for CPUs without instructions for bfloat16,
// or with slow ones. Weights are read as product_bf16.h packs them.
#ifndef LASSO_KERNELS_CPU_PRODUCT_WIDENED_H_
#define LASSO_KERNELS_CPU_PRODUCT_WIDENED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/aligned_buffer.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/cpu/product_isa.h"

namespace lasso::kernels::bf16 {

// What a thread holds in its scratch: a tile's rows of A before they are widened, a block of A's
// rows, a part of a panel of W, and y's rows in one panel where these are rounded at last.
struct WidenedScratch {
  // Of k at a time: a part of a panel takes half of a small second cache.
  static constexpr std::int64_t kPart = 512;

  explicit WidenedScratch(const Product& p)
      : k_stride(static_cast<std::int64_t>(align_up(static_cast<std::size_t>(p.k) * sizeof(float)) /
                                           sizeof(float))) {
    constexpr std::int64_t kBlockFloats = std::int64_t{96} << 10U;
    rows = std::clamp<std::int64_t>(kBlockFloats / k_stride / kMaxTileRows, 2, 20) * kMaxTileRows;
    rows = std::min(rows, std::max<std::int64_t>(p.rows, 1));
    const auto take = [this](std::int64_t count, std::size_t size) {
      const std::size_t at = bytes;
      bytes += align_up(static_cast<std::size_t>(count) * size);
      return at;
    };
    gathered = take(kMaxTileRows * p.k, sizeof(std::uint16_t));
    block = take(rows * k_stride, sizeof(float));
    panel = take(std::min(kPart, p.k + p.k % 2) * kPanel, sizeof(float));
    sums = take(p.bf16_output ? rows * kPanel : 0, sizeof(float));
  }

  std::int64_t k_stride;  // floats from one row of the block to the next
  std::int64_t rows = 0;  // of a block
  std::size_t gathered = 0;
  std::size_t block = 0;
  std::size_t panel = 0;
  std::size_t sums = 0;
  std::size_t bytes = 0;
};

// As run_range() of product_bf16.h.
template <typename Gather, typename Locate>
void run_widened_range(const ProductIsa& isa, const Product& p, const Range& range,
                       std::byte* scratch, const Gather& gather, const Locate& locate) {
  const WidenedScratch layout(p);
  auto* gathered = reinterpret_cast<std::uint16_t*>(scratch + layout.gathered);
  auto* block = reinterpret_cast<float*>(scratch + layout.block);
  auto* panel_part = reinterpret_cast<float*>(scratch + layout.panel);
  auto* sums = reinterpret_cast<float*>(scratch + layout.sums);
  const std::int64_t panels = panel_count(p.n);
  for (std::int64_t begin = range.row_begin; begin < range.row_end; begin += layout.rows) {
    const std::int64_t rows = std::min(layout.rows, range.row_end - begin);
    for (std::int64_t row = 0; row < rows; row += kMaxTileRows) {
      const int count = static_cast<int>(std::min<std::int64_t>(kMaxTileRows, rows - row));
      const std::uint16_t* x = gather(begin + row, count, gathered);
      for (int r = 0; r < count; ++r) {
        isa.widen(x + r * p.k, p.k, block + (row + r) * layout.k_stride);
      }
    }
    for (std::int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
      const std::int64_t w = panel / panels;
      const std::int64_t column = panel % panels * kPanel;
      const auto* weights = reinterpret_cast<const std::uint16_t*>(
          p.packed + static_cast<std::size_t>(w) * packed_bytes(p.n, p.k));
      ProductTile tile;
      tile.columns = static_cast<int>(std::min(kPanel, p.n - column));
      tile.weights = panel_part;
      tile.bias = reinterpret_cast<const float*>(weights + panel_elements(p.n, p.k)) + column;
      tile.activation = p.activation;
      const std::uint16_t* pairs = weights + panel % panels * panel_size(p.k);
      for (std::int64_t k = 0; k < p.k; k += WidenedScratch::kPart) {
        tile.depth = std::min(WidenedScratch::kPart, p.k - k);
        tile.first = k == 0;
        tile.last = k + tile.depth == p.k;
        isa.widen_panel(pairs + k * kPanel, tile.depth, panel_part);
        const std::int64_t tiles = (rows + isa.rows - 1) / isa.rows;
        for (std::int64_t i = 0; i < tiles; ++i) {
          const std::int64_t first = rows * i / tiles;
          tile.rows = static_cast<int>(rows * (i + 1) / tiles - first);
          const float* a[kMaxTileRows];
          float* y[kMaxTileRows];
          const float* residual[kMaxTileRows];
          for (int r = 0; r < tile.rows; ++r) {
            a[r] = block + (first + r) * layout.k_stride + k;
            const ProductRow place = locate(w, begin + first + r);
            y[r] =
                p.bf16_output ? sums + (first + r) * kPanel : static_cast<float*>(place.y) + column;
            residual[r] = p.residual ? place.residual + column : nullptr;
          }
          tile.a = a;
          tile.y = y;
          tile.residual = p.residual ? residual : nullptr;
          isa.run(tile);
        }
      }
      for (std::int64_t r = 0; p.bf16_output && r < rows; ++r) {
        isa.round(sums + r * kPanel, tile.columns,
                  static_cast<std::uint16_t*>(locate(w, begin + r).y) + column);
      }
    }
  }
}

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_CPU_PRODUCT_WIDENED_H_
