// A tile of a product, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_CPU_PRODUCT_TILE_H_
#define LASSO_KERNELS_CPU_PRODUCT_TILE_H_

#include "kernels/cpu/narrow.h"
#include "kernels/cpu/product_isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// y = activation(sums + b) + r for the tile's rows and `vectors` vectors of columns from `column`
// on; `sums` has rows of kPanel.
template <typename V>
void finish_tile(const ProductTile& t, const float* sums, int column, int vectors) {
  for (int v = 0; v < vectors; ++v) {
    const int c = column + v * V::kWidth;
    if (c >= t.columns) return;
    const int lanes = t.columns - c < V::kWidth ? t.columns - c : V::kWidth;
    const auto mask = V::first(lanes);
    const auto bias = V::load(t.bias + c);
    for (int r = 0; r < t.rows; ++r) {
      auto sum = V::load(sums + r * kPanel + c);
      if (!t.first) sum = V::add(sum, V::load(t.y[r] + c, mask));
      if (t.last) {
        sum = vector_activate<V>(t.activation, V::add(sum, bias));
        if (t.residual != nullptr) sum = V::add(sum, V::load(t.residual[r] + c, mask));
      }
      V::store(t.y[r] + c, mask, sum);
    }
  }
}

// The sums of kRows rows and kVectors vectors of columns stay in registers over the whole of k.
template <typename V, int kRows, int kVectors>
void sum_tile(const ProductTile& t, float* sums, int column) {
  typename V::F acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[r][v] = V::zero();
  }
  const float* w = t.weights + column;
  for (int s = 0; s < t.segments; ++s) {
    const float* a[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) a[r] = t.a[s * kRows + r];
    for (std::int64_t k = 0; k < t.depth; ++k) {
      typename V::F b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b[v] = V::load(w + v * V::kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const auto x = V::set1(a[r][k]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = V::fma(x, b[v], acc[r][v]);
      }
      w += kPanel;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      V::store(sums + r * kPanel + column + v * V::kWidth, acc[r][v]);
    }
  }
}

// The tile in strips as wide as registers allow for kRows rows: an accumulator for each vector of
// the strip, W's vectors and one of A.
template <typename V, int kRows>
void run_rows(const ProductTile& t) {
  alignas(64) float sums[kRows * kPanel];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < t.columns; c += 16) {
      __builtin_prefetch(t.y[r] + c, 1);
      if (t.residual != nullptr) __builtin_prefetch(t.residual[r] + c);
    }
  }
  constexpr int kWide = kRows * 4 + 5 <= V::kRegisters ? 4 : 2;
  int column = 0;
  for (; t.columns - column > (kWide / 2) * V::kWidth; column += kWide * V::kWidth) {
    sum_tile<V, kRows, kWide>(t, sums, column);
    finish_tile<V>(t, sums, column, kWide);
  }
  for (; column < t.columns; column += V::kWidth) {
    sum_tile<V, kRows, 1>(t, sums, column);
    finish_tile<V>(t, sums, column, 1);
  }
}

template <typename V, int kRows>
void run_up_to(const ProductTile& t) {
  if (t.rows == kRows) {
    run_rows<V, kRows>(t);
  } else if constexpr (kRows > 1) {
    run_up_to<V, kRows - 1>(t);
  }
}

template <typename V>
void quantize(const float* x, std::int64_t count, float inverse, int zero, std::uint8_t* q) {
  const AffineRounding<V> rounding(inverse, zero);
  for_vectors<V>(
      count, [&](std::int64_t c) { rounding.store(q + c, V::load(x + c)); },
      [&](std::int64_t c, std::int64_t n) {
        store_first<V>(q + c, n,
                       [&](std::uint8_t* to) { rounding.store(to, load_first<V>(x + c, n)); });
      });
}

template <typename V>
void widen(const std::uint16_t* x, std::int64_t count, float* y) {
  for_vectors<V>(
      count, [&](std::int64_t c) { V::store(y + c, Narrow<V>::load_bf16(x + c)); },
      [&](std::int64_t c, std::int64_t n) {
        V::store(y + c, V::first(n), load_first<V>(x + c, n));
      });
}

template <typename V>
void widen_panel(const std::uint16_t* pairs, std::int64_t depth, float* y) {
  for (std::int64_t k = 0; k < depth; k += 2, pairs += 2 * kPanel, y += 2 * kPanel) {
#pragma GCC unroll 8
    for (int c = 0; c < kPanel; c += V::kWidth) {
      typename V::F even;
      typename V::F odd;
      Narrow<V>::load_pairs(pairs + 2 * c, even, odd);
      V::store(y + c, even);
      if (k + 1 < depth) V::store(y + kPanel + c, odd);
    }
  }
}

template <typename V, int kRows>
constexpr ProductIsa make_product_isa() {
  return {.rows = kRows,
          .run = run_up_to<V, kRows>,
          .round = round_row<V>,
          .quantize = quantize<V>,
          .widen = widen<V>,
          .widen_panel = widen_panel<V>};
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_PRODUCT_TILE_H_
