// Products with packed weights, our own: y [rows, n] = activation(A W^T + b) + r, for any number of
// rows, where A's rows may lie anywhere in pieces (an image under a convolution's window) and y's
// rows too. Linear and the convolutions run on it; it needs no library and no workspace.
#ifndef LASSO_KERNELS_CPU_PRODUCT_H_
#define LASSO_KERNELS_CPU_PRODUCT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/cpu_features.h"
#include "core/threads.h"
#include "graph/op.h"
#include "kernels/cpu/product_isa.h"

namespace lasso::kernels {

// The packed form of W [n, k] with a bias [n]: panels of 64 rows of W, each as [k', 64] with k' = k
// rounded up to 16, all padded with zeros; then the bias, padded to the panels. It is oneDNN's
// layout BA16a64b, so that its kernels read the same bytes.
constexpr std::int64_t kPanelDepth = 16;
constexpr std::string_view kPanelLayout = "f32 W [n/64, k/16, 16, 64], b [n/64, 64]";

constexpr std::int64_t panel_count(std::int64_t n) { return (n + kPanel - 1) / kPanel; }
constexpr std::int64_t panel_depth(std::int64_t k) {
  return (k + kPanelDepth - 1) / kPanelDepth * kPanelDepth;
}
constexpr std::int64_t panel_floats(std::int64_t n, std::int64_t k) {
  return panel_count(n) * kPanel * panel_depth(k);
}
constexpr std::size_t panel_bytes(std::int64_t n, std::int64_t k) {
  return static_cast<std::size_t>(panel_floats(n, k) + panel_count(n) * kPanel) * sizeof(float);
}
// Packs element(i, j) for i < n, j < k, and bias [n] (null: zeros).
template <typename Element>
void pack_panels(std::int64_t n, std::int64_t k, Element&& element, const float* bias,
                 float* packed) {
  std::fill_n(packed, panel_bytes(n, k) / sizeof(float), 0.0F);
  for (std::int64_t i = 0; i < n; ++i) {
    float* column = packed + i / kPanel * kPanel * panel_depth(k) + i % kPanel;
    for (std::int64_t j = 0; j < k; ++j) column[j * kPanel] = element(i, j);
  }
  if (bias != nullptr) std::copy_n(bias, n, packed + panel_floats(n, k));
}

// The tiles of an instruction set.
const ProductIsa& product_isa(CpuFeature feature);

struct Product {
  std::int64_t rows = 0;
  std::int64_t n = 0;
  int segments = 1;
  std::int64_t depth =
      0;  // of a segment; k = segments * depth, and for several segments depth must not be padded
  const float* packed = nullptr;
  bool residual = false;
  graph::Activation activation = graph::Activation::kNone;
};

constexpr int kMaxSegments = 64;

// Where a tile's rows begin.
struct ProductRows {
  const float* a[kMaxSegments * kMaxTileRows];  // [segments][rows of the tile]
  float* y[kMaxTileRows];
  const float* residual[kMaxTileRows];
};

// Part of the sum over k: segments [segment, segment + segments), and of each, elements [begin,
// begin + depth).
struct ProductPart {
  int segment = 0;
  int segments = 0;
  std::int64_t begin = 0;
  std::int64_t depth = 0;
};

// The part that follows `part` (which has no segments before the first); false at the end. A sum of
// nothing has a part, too, which makes it 0.
bool next_part(const Product& product, ProductPart& part);

// Rows of A, a block of which stays in the second cache while panels of W pass through the first.
constexpr std::int64_t kProductBlock = 240;

// Rows and panels that one thread computes.
struct ProductRange {
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t panel_begin = 0;
  std::int64_t panel_end = 0;
};
// Rows are divided where there are many, else panels. Every element of y is the same sum in either
// case.
ProductRange product_range(const Product& product, int thread, int threads);

// A product in ranges that are computed one by one, by whichever thread is free.
class ProductTasks {
 public:
  ProductTasks(const Product& product, int threads);

  std::int64_t count() const { return count_; }
  ProductRange range(std::int64_t task) const;

 private:
  std::int64_t rows_;
  std::int64_t panels_;
  bool by_panels_;
  std::int64_t count_;
};
// Whether the product is worth waking other threads.
bool product_is_large(const Product& product);

// Asks for the part of A's rows that the next tile reads. A tile's rows are too many short streams
// for the hardware to foresee, when they are read for the first time.
template <typename Locate>
void prefetch_rows(const ProductPart& part, std::int64_t row, int count, const Locate& locate) {
  constexpr std::int64_t kLine = 16;
  ProductRows rows;
  locate(row, count, rows);
  for (int i = part.segment * count; i < (part.segment + part.segments) * count; ++i) {
    const float* a = rows.a[i] + part.begin;
    for (std::int64_t k = 0; k < part.depth; k += kLine) __builtin_prefetch(a + k, 0, 2);
  }
}

// Calls locate(row, count, rows) for `count` consecutive rows of y from `row` on; it writes where
// they and their parts of A begin.
template <typename Locate>
void run_product_range(const ProductIsa& isa, const Product& p, const ProductRange& range,
                       const Locate& locate) {
  constexpr std::int64_t kBlock = kProductBlock;
  constexpr std::int64_t kPrefetch = 128;  // shorter pieces are not worth it
  const std::int64_t k = p.segments * p.depth;
  for (std::int64_t block = range.row_begin; block < range.row_end; block += kBlock) {
    const std::int64_t block_end = std::min(block + kBlock, range.row_end);
    const std::int64_t tiles = (block_end - block + isa.rows - 1) / isa.rows;
    for (ProductPart part; next_part(p, part);) {
      ProductTile tile;
      tile.segments = part.segments;
      tile.depth = part.depth;
      tile.first = part.segment == 0 && part.begin == 0;
      tile.last = part.segment + part.segments == p.segments && part.begin + part.depth == p.depth;
      tile.activation = p.activation;
      const std::int64_t k_begin = part.segment * p.depth + part.begin;
      for (std::int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
        tile.columns = static_cast<int>(std::min(kPanel, p.n - panel * kPanel));
        tile.weights = p.packed + (panel * panel_depth(k) + k_begin) * kPanel;
        tile.bias = p.packed + panel_floats(p.n, k) + panel * kPanel;
        for (std::int64_t i = 0; i < tiles; ++i) {
          const std::int64_t row = block + (block_end - block) * i / tiles;
          const int count = static_cast<int>(block + (block_end - block) * (i + 1) / tiles - row);
          ProductRows rows;
          locate(row, count, rows);
          for (int s = 0; s < part.segments * count; ++s) {
            rows.a[s] = rows.a[part.segment * count + s] + part.begin;
          }
          for (int r = 0; r < count; ++r) {
            rows.y[r] += panel * kPanel;
            if (p.residual) rows.residual[r] += panel * kPanel;
          }
          if (panel == range.panel_begin && i + 1 < tiles && part.depth >= kPrefetch) {
            const std::int64_t next = block + (block_end - block) * (i + 1) / tiles;
            const std::int64_t end = block + (block_end - block) * (i + 2) / tiles;
            prefetch_rows(part, next, static_cast<int>(end - next), locate);
          }
          tile.rows = count;
          tile.a = rows.a;
          tile.y = rows.y;
          tile.residual = p.residual ? rows.residual : nullptr;
          isa.run(tile);
        }
      }
    }
  }
}

template <typename Locate>
void run_product(const ProductIsa& isa, const Product& product, const Locate& locate) {
  const bool small = !product_is_large(product);
  const ProductTasks tasks(product, small ? 1 : omp_get_max_threads());
  const auto run = [&](std::int64_t task) {
    run_product_range(isa, product, tasks.range(task), locate);
  };
  if (small) {
    for (std::int64_t task = 0; task < tasks.count(); ++task) run(task);
  } else {
    parallel_tasks(tasks.count(), run);
  }
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_PRODUCT_H_
