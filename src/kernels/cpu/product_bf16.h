// Products of bfloat16 matrices with packed weights, on which Linear and the convolutions run: the
// layout of the weights, and the loops over rows and panels. bf16_arithmetic.h runs them.
#ifndef LASSO_KERNELS_CPU_PRODUCT_BF16_H_
#define LASSO_KERNELS_CPU_PRODUCT_BF16_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/dtype.h"
#include "core/threads.h"
#include "graph/op.h"
#include "kernels/cpu/product_bf16_isa.h"

namespace lasso::kernels::bf16 {

// The packed form of W [n, k] with a bias [n]: panels of 64 rows of W, each as [k'/2, 64, 2] with
// k' = k rounded up to 32, all padded with zeros; then the bias, padded to the panels. It is
// oneDNN's layout BA16a64b2a, so that its kernels read the same bytes.
constexpr std::int64_t kPanelDepth = 32;
constexpr std::string_view kPanelLayout = "bf16 W [n/64, k/32, 16, 64, 2], b f32 [n/64, 64]";

constexpr std::int64_t panel_count(std::int64_t n) { return (n + kPanel - 1) / kPanel; }
// Elements of a panel.
constexpr std::int64_t panel_size(std::int64_t k) {
  return (k + kPanelDepth - 1) / kPanelDepth * kPanelDepth * kPanel;
}
constexpr std::int64_t panel_elements(std::int64_t n, std::int64_t k) {
  return panel_count(n) * panel_size(k);
}
constexpr std::size_t packed_bytes(std::int64_t n, std::int64_t k) {
  return static_cast<std::size_t>(panel_elements(n, k)) * sizeof(std::uint16_t) +
         static_cast<std::size_t>(panel_count(n) * kPanel) * sizeof(float);
}

// Packs element(i, j) for i < n, j < k, rounded to bfloat16, and bias [n].
template <typename Element>
void pack_panels(std::int64_t n, std::int64_t k, Element&& element, const float* bias,
                 std::byte* packed) {
  std::fill_n(packed, packed_bytes(n, k), std::byte{0});
  auto* weights = reinterpret_cast<std::uint16_t*>(packed);
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint16_t* column = weights + i / kPanel * panel_size(k) + i % kPanel * 2;
    for (std::int64_t j = 0; j < k; ++j) {
      column[j / 2 * 2 * kPanel + j % 2] = f32_to_bf16(element(i, j));
    }
  }
  std::copy_n(bias, n, reinterpret_cast<float*>(weights + panel_elements(n, k)));
}

// y = activation(A W^T + b) + r for one or several W [n, k] of equal size by the same A [rows, k],
// where A is gathered row by row and y's rows may lie anywhere.
struct Product {
  std::int64_t rows = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  int weights = 1;                    // number of W
  const std::byte* packed = nullptr;  // one W after the other, each with its bias
  bool residual = false;
  bool bf16_output = false;
  graph::Activation activation = graph::Activation::kNone;
};

// Where a row of y and of the residual begins.
struct ProductRow {
  void* y = nullptr;
  const float* residual = nullptr;
};

// Of A's rows a thread packs a block that stays in the second cache, and sends the panels of W past
// it, which the third cache holds. Rows of a block:
std::int64_t block_rows(const Product& product);
// Of scratch: the block, and a tile's rows before they are packed.
std::size_t scratch_bytes(const Product& product);

// Rows and panels (of all W, one after the other) that one thread computes.
struct Range {
  std::int64_t row_begin, row_end, panel_begin, panel_end;
};
// Rows are divided where there are many, else panels. Every element of y is the same sum in either
// case.
Range product_range(const Product& product, int thread, int threads);
// Whether the product is worth waking other threads.
bool product_is_large(const Product& product);

// Computes a range by instructions for bfloat16.
// gather(row, count, rows) returns where `count` rows of A lie as [count, k]: in `rows`, where it
// has written them, or elsewhere. locate(w, row) is the ProductRow of the w-th W.
template <typename Gather, typename Locate>
void run_range(const Product& p, const Range& range, std::byte* scratch, const Gather& gather,
               const Locate& locate) {
  const std::int64_t padded_k = p.k + p.k % 2;
  auto* gathered = reinterpret_cast<std::uint16_t*>(scratch);
  std::uint16_t* block = gathered + align_up(static_cast<std::size_t>(kMaxTileRows * p.k), 32);
  const std::int64_t panels = panel_count(p.n);
  const std::int64_t size = panel_size(p.k);
  const auto panel_weights = [&](std::int64_t panel) {
    return reinterpret_cast<const std::uint16_t*>(
               p.packed + static_cast<std::size_t>(panel / panels) * packed_bytes(p.n, p.k)) +
           panel % panels * size;
  };
  const std::int64_t step = block_rows(p);
  for (std::int64_t begin = range.row_begin; begin < range.row_end; begin += step) {
    const std::int64_t rows = std::min(step, range.row_end - begin);
    const std::int64_t tiles = (rows + kMaxTileRows - 1) / kMaxTileRows;
    for (std::int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
      const std::int64_t w = panel / panels;
      const std::int64_t column = panel % panels * kPanel;
      const std::uint16_t* ahead =
          panel_weights(panel + 1 < range.panel_end ? panel + 1 : range.panel_begin);
      Tile tile;
      tile.columns = static_cast<int>(std::min(kPanel, p.n - column));
      tile.pairs = padded_k / 2;
      tile.weights = panel_weights(panel);
      tile.bias =
          reinterpret_cast<const float*>(panel_weights(w * panels) + panel_elements(p.n, p.k)) +
          column;
      tile.has_residual = p.residual;
      tile.bf16_output = p.bf16_output;
      tile.activation = p.activation;
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t first = rows * i / tiles;
        tile.rows = static_cast<int>(rows * (i + 1) / tiles - first);
        std::uint16_t* a = block + first * padded_k;
        if (panel == range.panel_begin) {
          const std::uint16_t* x = gather(begin + first, tile.rows, gathered);
          kAvx512Bf16.pack_rows(x, tile.rows, p.k, a);
        }
        tile.a = a;
        for (int r = 0; r < tile.rows; ++r) {
          const ProductRow row = locate(w, begin + first + r);
          tile.y[r] = static_cast<std::byte*>(row.y) + column * (p.bf16_output ? 2 : 4);
          if (p.residual) tile.residual[r] = row.residual + column;
        }
        tile.ahead = ahead + size * i / tiles;
        tile.ahead_size = size * (i + 1) / tiles - size * i / tiles;
        kAvx512Bf16.run(tile);
      }
    }
  }
}

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_CPU_PRODUCT_BF16_H_
