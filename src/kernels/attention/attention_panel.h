// A panel of the streaming kernel (attention_streaming.h): NV vectors of queries against a tile of
// keys.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_PANEL_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_PANEL_H_

#include "kernels/attention/attention_task.h"

namespace lasso::kernels::streaming {

// A tile of keys: where its rows' position terms start, counted in rows of relh and relw.
struct KeyTile {
  Index count = 0;
  Index padded = 0;  // count, rounded up to kRowStep
  std::int32_t rel_h[kKeyTile];
  std::int32_t rel_w[kKeyTile];
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
  float* p;

  // acc[r][n] += sum_k a[r * a_row + k * a_step] b[k][n]
  template <int Rows>
  [[gnu::always_inline]] static inline void multiply(const float* a, Index a_row, Index a_step,
                                                     const float* b, Index count,
                                                     T (&acc)[Rows][NV]) {
    for (Index k = 0; k < count; ++k) {
      T x[NV];
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) x[n] = V::load(b + n * V::kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const T scalar = V::set1(a[r * a_row]);
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::fma(scalar, x[n], acc[r][n]);
      }
      a += a_step;
      b += kStride;
    }
  }

  // The scores of the R keys from `row` on, less `shift`.
  template <bool kShift>
  [[gnu::always_inline]] inline void scores(const KeyTile& tile, const float* k, Index row,
                                            Index width, Index d, const T (&shift)[NV],
                                            T (&acc)[R][NV]) const {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float* h = rel_h + tile.rel_h[row + r] * kStride;
      const float* w = rel_w + tile.rel_w[row + r] * kStride;
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        acc[r][n] = V::add(V::load(h + n * V::kWidth), V::load(w + n * V::kWidth));
        if (kShift) acc[r][n] = V::sub(acc[r][n], shift[n]);
      }
    }
    multiply<R>(k + row * width, width, 1, q, d, acc);
  }

  // P^T and its sums with the m of earlier tiles; false, and nothing has changed, where that m is
  // too low.
  [[gnu::always_inline]] inline bool softmax_with_known_max(const KeyTile& tile, const float* k,
                                                            Index width, Index d) {
    T shift[NV], top[NV], total[NV];
#pragma GCC unroll 8
    for (int n = 0; n < NV; ++n) {
      shift[n] = V::load(max + n * V::kWidth);
      top[n] = V::set1(kMasked);
      total[n] = V::zero();
    }
    for (Index row = 0; row < tile.padded; row += R) {
      T acc[R][NV];
      scores<true>(tile, k, row, width, d, shift, acc);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          top[n] = V::max(top[n], acc[r][n]);
          const T e = V::exp2(acc[r][n]);
          V::store(p + (row + r) * kStride + n * V::kWidth, e);
          total[n] = V::add(total[n], e);
        }
      }
    }
    for (int n = 0; n < NV; ++n) {
      if (V::any_greater(top[n], V::set1(kMaxExponent))) return false;
    }
#pragma GCC unroll 8
    for (int n = 0; n < NV; ++n) {
      V::store(sum + n * V::kWidth, V::add(V::load(sum + n * V::kWidth), total[n]));
    }
    return true;
  }

  // P^T and its sums with m raised to this tile's maximum; what earlier tiles left is rescaled.
  void softmax_with_new_max(const KeyTile& tile, const float* k, Index width, Index d, bool first) {
    T top[NV], total[NV];
    for (int n = 0; n < NV; ++n) {
      top[n] = first ? V::set1(kMasked) : V::load(max + n * V::kWidth);
      total[n] = V::zero();
    }
    for (Index row = 0; row < tile.padded; row += R) {
      T acc[R][NV];
      scores<false>(tile, k, row, width, d, top, acc);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) {
          top[n] = V::max(top[n], acc[r][n]);
          V::store(p + (row + r) * kStride + n * V::kWidth, acc[r][n]);
        }
      }
    }
    if (!first) {
      for (int n = 0; n < NV; ++n) {
        const T factor = V::exp2(V::sub(V::load(max + n * V::kWidth), top[n]));
        float* s = sum + n * V::kWidth;
        V::store(s, V::mul(V::load(s), factor));
        for (Index i = 0; i < width; ++i) {
          float* o = out + i * kStride + n * V::kWidth;
          V::store(o, V::mul(V::load(o), factor));
        }
      }
    }
    for (Index row = 0; row < tile.padded; ++row) {
#pragma GCC unroll 8
      for (int n = 0; n < NV; ++n) {
        float* s = p + row * kStride + n * V::kWidth;
        const T e = V::exp2(V::sub(V::load(s), top[n]));
        V::store(s, e);
        total[n] = V::add(total[n], e);
      }
    }
    for (int n = 0; n < NV; ++n) {
      float* s = sum + n * V::kWidth;
      V::store(max + n * V::kWidth, top[n]);
      V::store(s, first ? total[n] : V::add(V::load(s), total[n]));
    }
  }

  // O^T (+)= V^T P^T. The tile's part is summed from zero: the error grows with the square root of
  // the number of tiles, not of keys.
  [[gnu::always_inline]] inline void accumulate(const KeyTile& tile, const float* v, Index width,
                                                bool first) {
    for (Index i = 0; i < width; i += R) {
      T acc[R][NV];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
      }
      multiply<R>(v + i, 1, width, p, tile.count, acc);
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

  void attend(const KeyTile& tile, const float* k, const float* v, Index width, Index d,
              bool first) {
    if (first || !softmax_with_known_max(tile, k, width, d)) {
      softmax_with_new_max(tile, k, width, d, first);
    }
    accumulate(tile, v, width, first);
  }

  // products[j][query] = table[j] . q for j of [begin, end)
  static void table_products(const float* table, Index begin, Index end, Index d, const float* q,
                             float* products) {
    const auto rows = [&]<int Rows>(Index j) {
      T acc[Rows][NV];
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < NV; ++n) acc[r][n] = V::zero();
      }
      multiply<Rows>(table + j * d, d, 1, q, d, acc);
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
  static void relative(const float* table, Index side, Index d, const float* q,
                       const std::int32_t* positions, float* products, float* rel) {
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
