// A panel of the streaming kernel (attention_streaming.h): NV vectors of queries against a tile of
// keys.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_PANEL_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_PANEL_H_

#include "kernels/attention/attention_task.h"

namespace lasso::kernels::streaming {

// A tile of keys, packed: K [keys / R][d][R] and V [d / R][keys][R], so that the R scalars of a
// step lie side by side. Keys are filled up to a multiple of kRowStep, K with zeros, d of V
// likewise.
struct KeyTile {
  Index count = 0;
  Index padded = 0;
  const float* k = nullptr;
  const float* v = nullptr;
  // What the panels ask for while they compute: the next tile, `ahead_step` floats at each block of
  // V.
  const float* ahead = nullptr;
  const float* ahead_end = nullptr;
  Index ahead_step = 0;
  // Of each key: its rows of relh and relw.
  std::int32_t rel_h[kKeyTile];
  std::int32_t rel_w[kKeyTile];
};

// Packs W keys at a time; a null row stands for zeros.
template <class V>
struct Packer {
  using T = typename V::T;
  static constexpr int W = V::kWidth;
  static constexpr int R = V::kRows;

  template <typename E>
  static T load_part(const E* row, Index i, Index d) {
    if (row == nullptr) return V::zero();
    return i + W <= d ? V::load(row + i) : V::load_n(row + i, d - i);
  }

  // `rows` from key `key` on (a multiple of W) of a tile of `padded` keys.
  template <typename E>
  static void keys(const E* const (&rows)[W], Index key, Index padded, Index d, float* k) {
    float* low = k + key * d;
    float* high = low + R * d;
    for (Index i = 0; i < d; i += W) {
      T x[W];
#pragma GCC unroll 16
      for (int r = 0; r < W; ++r) x[r] = load_part(rows[r], i, d);
      V::transpose(x);
      for (Index j = 0; j < W && i + j < d; ++j) {
        V::store_low(low + (i + j) * R, x[j]);
        if (key + R < padded) V::store_high(high + (i + j) * R, x[j]);
      }
    }
  }

  template <typename E>
  static void value(const E* row, Index key, Index padded, Index d, Index width, float* v) {
    for (Index i = 0; i < width; i += W) {
      const T x = load_part(row, i, d);
      V::store_low(v + i * padded + key * R, x);
      if (i + R < width) V::store_high(v + (i + R) * padded + key * R, x);
    }
  }
};

template <class V, int NV>
struct Panel {
  using T = typename V::T;
  static constexpr int R = V::kRows;
  static constexpr Index kStride = NV * V::kWidth;

  const float* q;
  float* out;
  const float* rel_h;
  const float* rel_w;
  float* max;
  float* sum;
  float* total;  // of a tile
  float* p;

  // acc[r][n] += sum_k a[k][r] b[k][n], the rows of A interleaved
  [[gnu::always_inline]] static inline void multiply(const float* a, const float* b, Index count,
                                                     T (&acc)[R][NV]) {
    for (Index k = 0; k < count; ++k, a += R, b += kStride) {
      T x[NV];
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) x[n] = V::load(b + n * V::kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const T scalar = V::set1(a[r]);
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::fma(scalar, x[n], acc[r][n]);
      }
    }
  }

  // The scores of the R keys from `row` on, less m where kShift.
  template <bool kShift>
  [[gnu::always_inline]] inline void scores(const KeyTile& tile, Index row, Index d,
                                            T (&acc)[R][NV]) const {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float* h = rel_h + tile.rel_h[row + r] * kStride;
      const float* w = rel_w + tile.rel_w[row + r] * kStride;
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        acc[r][n] = V::add(V::load(h + n * V::kWidth), V::load(w + n * V::kWidth));
        if (kShift) acc[r][n] = V::sub(acc[r][n], V::load(max + n * V::kWidth));
      }
    }
    multiply(tile.k + row * d, q, d, acc);
  }

  // P^T and its sums with the m of earlier tiles; false, and nothing has changed, where that m is
  // too low. Between products all registers belong to the accumulators: what the exponential needs
  // is read from memory again.
  [[gnu::noinline]] bool softmax_with_known_max(const KeyTile& tile, Index d) {
    for (int n = 0; n < NV; ++n) V::store(total + n * V::kWidth, V::zero());
    for (Index row = 0; row < tile.padded; row += R) {
      T acc[R][NV];
      scores<true>(tile, row, d, acc);
      const float* table = V::kExp2Table;
      asm volatile("" : "+r"(table));
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        T part = V::load(total + n * V::kWidth);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const T e = V::exp2(acc[r][n], table);
          V::store(p + (row + r) * kStride + n * V::kWidth, e);
          part = V::add(part, e);
        }
        V::store(total + n * V::kWidth, part);
      }
    }
    for (int n = 0; n < NV; ++n) {
      if (V::any_greater(V::load(total + n * V::kWidth), V::set1(kMaxSum))) return false;
    }
#pragma GCC unroll 8
    for (int n = 0; n < NV; ++n) {
      float* s = sum + n * V::kWidth;
      V::store(s, V::add(V::load(s), V::load(total + n * V::kWidth)));
    }
    return true;
  }

  // P^T and its sums with m raised to this tile's maximum; what earlier tiles left is rescaled.
  [[gnu::noinline]] void softmax_with_new_max(const KeyTile& tile, Index width, Index d,
                                              bool first) {
    T top[NV];
    for (int n = 0; n < NV; ++n) {
      V::store(total + n * V::kWidth, first ? V::set1(kMasked) : V::load(max + n * V::kWidth));
    }
    for (Index row = 0; row < tile.padded; row += R) {
      T acc[R][NV];
      scores<false>(tile, row, d, acc);
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        T part = V::load(total + n * V::kWidth);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          part = V::max(part, acc[r][n]);
          V::store(p + (row + r) * kStride + n * V::kWidth, acc[r][n]);
        }
        V::store(total + n * V::kWidth, part);
      }
    }
    const float* table = V::kExp2Table;
    for (int n = 0; n < NV; ++n) {
      top[n] = V::load(total + n * V::kWidth);
      float* s = sum + n * V::kWidth;
      if (first) {
        V::store(s, V::zero());
      } else {
        const T factor = V::exp2(V::sub(V::load(max + n * V::kWidth), top[n]), table);
        V::store(s, V::mul(V::load(s), factor));
        for (Index i = 0; i < width; ++i) {
          float* o = out + i * kStride + n * V::kWidth;
          V::store(o, V::mul(V::load(o), factor));
        }
      }
      V::store(max + n * V::kWidth, top[n]);
    }
    T part[NV];
    for (int n = 0; n < NV; ++n) part[n] = V::zero();
    for (Index row = 0; row < tile.padded; ++row) {
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        float* s = p + row * kStride + n * V::kWidth;
        const T e = V::exp2(V::sub(V::load(s), top[n]), table);
        V::store(s, e);
        part[n] = V::add(part[n], e);
      }
    }
    for (int n = 0; n < NV; ++n) {
      float* s = sum + n * V::kWidth;
      V::store(s, V::add(V::load(s), part[n]));
    }
  }

  // O^T (+)= V^T P^T. The tile's part is summed from zero: the error grows with the square root of
  // the number of tiles, not of keys.
  [[gnu::noinline]] void accumulate(KeyTile& tile, Index width, bool first) {
    for (Index i = 0; i < width; i += R) {
      const float* stop = tile.ahead_end - tile.ahead > tile.ahead_step
                              ? tile.ahead + tile.ahead_step
                              : tile.ahead_end;
      for (; tile.ahead < stop; tile.ahead += kLine) V::prefetch(tile.ahead);
      T acc[R][NV];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
      }
      multiply(tile.v + i * tile.padded, p, tile.count, acc);
      float* o = out + i * kStride;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          float* at = o + r * kStride + n * V::kWidth;
          V::store(at, first ? acc[r][n] : V::add(acc[r][n], V::load(at)));
        }
      }
    }
  }

  void attend(KeyTile& tile, Index width, Index d, bool first) {
    if (first || !softmax_with_known_max(tile, d)) {
      softmax_with_new_max(tile, width, d, first);
    }
    accumulate(tile, width, first);
  }

  // products[j][query] = table[j] . q for j of [begin, end). The table's rows are addressed as two
  // bases, each plus {0, 1, 2} rows or plus 3 rows: the compiler would keep a register for every
  // row, and spill.
  [[gnu::noinline]] static void table_products(const float* table, Index begin, Index end, Index d,
                                               const float* q, float* products) {
    const auto rows = [&]<int Rows>(Index j) {
      T acc[Rows][NV];
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
      }
      const float* low = table + j * d;
      const float* high = low + 4 * d;
      Index three = 3 * d;
      asm("" : "+r"(high), "+r"(three));
      const float* x = q;
      for (Index k = 0; k < d; ++k, ++low, ++high, x += kStride) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
          const float* row = r < 4 ? low : high;
          const T scalar = V::set1(r % 4 == 3 ? row[three] : row[r % 4 * d]);
#pragma GCC unroll 8
          for (int n = 0; n < NV; ++n) {
            acc[r][n] = V::fma(scalar, V::load(x + n * V::kWidth), acc[r][n]);
          }
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          V::store(products + (j - begin + r) * kStride + n * V::kWidth, acc[r][n]);
        }
      }
    };
    Index j = begin;
    for (; j + R <= end; j += R) rows.template operator()<R>(j);
    if (j < end && end - begin >= R) {
      rows.template operator()<R>(end - R);  // some rows twice, with the same result
      return;
    }
    for (; j < end; ++j) rows.template operator()<1>(j);
  }

  // rel[position][query] = table[query's position - position + side - 1] . q
  [[gnu::noinline]] static void relative(const float* table, Index side, Index d, const float* q,
                                         const std::int32_t* positions, float* products,
                                         float* rel) {
    Index low = positions[0];
    Index high = positions[0];
    for (Index lane = 1; lane < kStride; ++lane) {
      low = positions[lane] < low ? positions[lane] : low;
      high = positions[lane] > high ? positions[lane] : high;
    }
    table_products(table, low, high + side, d, q, products);
    for (Index lane = 0; lane < kStride; ++lane) {
      const float* from = products + (positions[lane] - low + side - 1) * kStride + lane;
      float* to = rel + lane;
      for (Index i = 0; i < side; ++i) to[i * kStride] = from[-i * kStride];
    }
  }
};

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_PANEL_H_
