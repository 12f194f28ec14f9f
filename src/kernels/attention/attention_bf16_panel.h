// A panel of queries against a tile of keys in bfloat16 (attention_bf16.cc). Internal linkage, as
// in simd.h.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_BF16_PANEL_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_BF16_PANEL_H_

#include <immintrin.h>

#include "kernels/attention/attention_halves.h"
#include "kernels/attention/attention_task.h"
#include "kernels/cpu/simd.h"

namespace lasso::kernels::streaming {

namespace {  // NOLINT(google-build-namespaces): see above

using V = Avx512;
using F = __m512;  // floats, or words of two bfloat16 numbers
inline constexpr int kWidth = V::kWidth;
inline constexpr int kRows = 8;

inline F add_products(F sums, F a, F b) {
  return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh&>(a), reinterpret_cast<__m512bh&>(b));
}

// A tile of keys, packed in words: K [keys / 8][d / 2][8] and V [d / 8][keys / 2][8]. Keys are
// filled up to a multiple of kRowStep, with zeros; so is d of V, and d of K to an even number.
struct Bf16KeyTile {
  Index count = 0;
  Index padded = 0;
  const float* k = nullptr;
  const float* v = nullptr;
  // Of each key: its rows of relh and relw.
  std::int32_t rel_h[kBf16KeyTile];
  std::int32_t rel_w[kBf16KeyTile];
};

template <int NV>
struct Bf16Panel {
  static constexpr Index kStride = NV * kWidth;

  const float* q;  // Q^T in words [d / 2][queries]
  float* out;      // O^T [d][queries]
  float* rel_h;    // relh log2 e - m [side + 1][queries], the last row kMasked
  const float* rel_w;
  float* sum;
  float* total;  // of a tile
  float* p;
  float factor;  // scale log2 e

  // acc[r][n] += sum_k a[k][r] b[k][n] for words a and b, the rows of A interleaved
  [[gnu::always_inline]] static inline void multiply(const float* a, const float* b, Index count,
                                                     F (&acc)[kRows][NV]) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
    }
    for (Index k = 0; k < count; ++k, a += kRows, b += kStride) {
      F x[NV];
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) x[n] = V::load(b + n * kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const F word = V::set1(a[r]);
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = add_products(acc[r][n], word, x[n]);
      }
    }
  }

  // The score of key `row` less m, in powers of two.
  [[gnu::always_inline]] inline F score(const Bf16KeyTile& tile, Index row, int n, F products,
                                        const float* factor_at) const {
    const F h = V::load(rel_h + tile.rel_h[row] * kStride + n * kWidth);
    const F w = V::load(rel_w + tile.rel_w[row] * kStride + n * kWidth);
    return V::fma(products, V::set1(*factor_at), V::add(h, w));
  }

  // P^T and its sums with the m of earlier tiles; false, and nothing has changed, where the tile
  // needs another. Between products all registers belong to the accumulators: what the exponential
  // needs is read from memory again.
  [[gnu::noinline]] bool softmax_with_known_max(const Bf16KeyTile& tile, Index pairs, bool first) {
    for (int n = 0; n < NV; ++n) V::store(total + n * kWidth, V::zero());
    const F ones = _mm512_castsi512_ps(_mm512_set1_epi32(0x3F803F80));
    for (Index row = 0; row < tile.padded; row += kRows) {
      F acc[kRows][NV];
      multiply(tile.k + row * pairs, q, pairs, acc);
      const float* table = kExp2Table;
      const float* factor_at = &factor;
      asm volatile("" : "+r"(table), "+r"(factor_at));
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        F part = V::load(total + n * kWidth);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; r += 2) {
          const F even = short_exp2(score(tile, row + r, n, acc[r][n], factor_at), table);
          const F odd = short_exp2(score(tile, row + r + 1, n, acc[r + 1][n], factor_at), table);
          const F word = cut_off(even, odd);
          V::store(p + (row + r) / 2 * kStride + n * kWidth, word);
          part = add_products(part, word, ones);
        }
        V::store(total + n * kWidth, part);
      }
    }
    for (int n = 0; n < NV; ++n) {
      const F part = V::load(total + n * kWidth);
      if (V::any_greater(part, V::set1(kMaxSum))) return false;
      if (first && V::any_greater(V::set1(1.0F / kMaxSum), part)) return false;
    }
    for (int n = 0; n < NV; ++n) {
      const F part = V::load(total + n * kWidth);
      float* s = sum + n * kWidth;
      V::store(s, first ? part : V::add(V::load(s), part));
    }
    return true;
  }

  // P^T and its sums with m raised to this tile's maximum (the first one: lowered, too); what
  // earlier tiles left is rescaled.
  [[gnu::noinline]] void softmax_with_new_max(const Bf16KeyTile& tile, Index pairs, Index width,
                                              Index rel_rows, bool first) {
    for (int n = 0; n < NV; ++n) {
      V::store(total + n * kWidth, first ? V::set1(kMasked) : V::zero());
    }
    for (Index row = 0; row < tile.padded; row += kRows) {
      F acc[kRows][NV];
      multiply(tile.k + row * pairs, q, pairs, acc);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          const F s = score(tile, row + r, n, acc[r][n], &factor);
          V::store(p + (row + r) * kStride + n * kWidth, s);
          V::store(total + n * kWidth, V::max(V::load(total + n * kWidth), s));
        }
      }
    }
    for (int n = 0; n < NV; ++n) {
      const F rise = V::load(total + n * kWidth);
      for (Index i = 0; i < rel_rows; ++i) {
        float* h = rel_h + i * kStride + n * kWidth;
        V::store(h, V::sub(V::load(h), rise));
      }
      float* s = sum + n * kWidth;
      if (first) {
        V::store(s, V::zero());
      } else {
        const F down = short_exp2(V::sub(V::zero(), rise), kExp2Table);
        V::store(s, V::mul(V::load(s), down));
        for (Index i = 0; i < width; ++i) {
          float* o = out + i * kStride + n * kWidth;
          V::store(o, V::mul(V::load(o), down));
        }
      }
    }
    const F ones = _mm512_castsi512_ps(_mm512_set1_epi32(0x3F803F80));
    for (Index row = 0; row < tile.padded; row += 2) {
      for (int n = 0; n < NV; ++n) {
        const F rise = V::load(total + n * kWidth);
        const float* from = p + row * kStride + n * kWidth;
        const F even = short_exp2(V::sub(V::load(from), rise), kExp2Table);
        const F odd = short_exp2(V::sub(V::load(from + kStride), rise), kExp2Table);
        const F word = cut_off(even, odd);
        V::store(p + row / 2 * kStride + n * kWidth, word);
        float* s = sum + n * kWidth;
        V::store(s, add_products(V::load(s), word, ones));
      }
    }
  }

  // O^T (+)= V^T P^T. The tile's part is summed from zero: the error grows with the square root of
  // the number of tiles, not of keys.
  [[gnu::noinline]] void accumulate(const Bf16KeyTile& tile, Index width, bool first) {
    for (Index i = 0; i < width; i += kRows) {
      F acc[kRows][NV];
      multiply(tile.v + i * (tile.padded / 2), p, tile.padded / 2, acc);
      float* o = out + i * kStride;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          float* at = o + r * kStride + n * kWidth;
          V::store(at, first ? acc[r][n] : V::add(acc[r][n], V::load(at)));
        }
      }
    }
  }

  void attend(const Bf16KeyTile& tile, Index pairs, Index width, Index rel_rows, bool first) {
    if (!softmax_with_known_max(tile, pairs, first)) {
      softmax_with_new_max(tile, pairs, width, rel_rows, first);
    }
    accumulate(tile, width, first);
  }

  // products[j][query] = log2 e table[j] . q for j of [begin, end), the table in words. Its rows
  // are addressed as two bases, each plus {0, 1, 2} rows or plus 3 rows: the compiler would keep a
  // register for every row, and spill.
  [[gnu::noinline]] static void table_products(const float* table, Index begin, Index end,
                                               Index pairs, const float* q, float* products) {
    const auto rows = [&]<int Rows>(Index j) {
      F acc[Rows][NV];
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
      }
      const float* low = table + j * pairs;
      const float* high = low + 4 * pairs;
      Index three = 3 * pairs;
      asm("" : "+r"(high), "+r"(three));
      const float* x = q;
      for (Index k = 0; k < pairs; ++k, ++low, ++high, x += kStride) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
          const float* row = r < 4 ? low : high;
          const F word = V::set1(r % 4 == 3 ? row[three] : row[r % 4 * pairs]);
#pragma GCC unroll 8
          for (int n = 0; n < NV; ++n) {
            acc[r][n] = add_products(acc[r][n], word, V::load(x + n * kWidth));
          }
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          V::store(products + (j - begin + r) * kStride + n * kWidth,
                   V::mul(acc[r][n], V::set1(kLog2e)));
        }
      }
    };
    Index j = begin;
    for (; j + kRows <= end; j += kRows) rows.template operator()<kRows>(j);
    if (j < end && end - begin >= kRows) {
      rows.template operator()<kRows>(end - kRows);  // some rows twice, with the same result
      return;
    }
    for (; j < end; ++j) rows.template operator()<1>(j);
  }

  // rel[position][query] = log2 e table[query's position - position + side - 1] . q
  [[gnu::noinline]] static void relative(const float* table, Index side, Index pairs,
                                         const float* q, const std::int32_t* positions,
                                         float* products, float* rel) {
    Index low = positions[0];
    Index high = positions[0];
    for (Index lane = 1; lane < kStride; ++lane) {
      low = positions[lane] < low ? positions[lane] : low;
      high = positions[lane] > high ? positions[lane] : high;
    }
    table_products(table, low, high + side, pairs, q, products);
    for (Index lane = 0; lane < kStride; ++lane) {
      const float* from = products + (positions[lane] - low + side - 1) * kStride + lane;
      float* to = rel + lane;
      for (Index i = 0; i < side; ++i) to[i * kStride] = from[-i * kStride];
    }
  }
};

}  // namespace

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_BF16_PANEL_H_
