// The streaming kernel (attention_streaming.h) in bfloat16, for AVX-512 BF16. What differs from
// float32:
//
// - Both products take pairs: of d for S^T = K Q^T, so that K, Q and the position tables lie as
//   words of two numbers; of keys for O^T = V^T P^T, so that V's rows are interleaved by two when
//   packed, and P's when they are cut off. 8 rows by 3 vectors of words, as in float32.
// - q is multiplied as it is; scale log2 e is applied to the sums, together with the position
//   terms.
// - P is cut off to bfloat16 (to round would take more instructions), and its sums are those of
//   the numbers cut off, so that the mean of the errors cancels.
// - The exponentials are good to 1e-4.
// - m = 0 serves as the first maximum, unless sums of the first tile leave [2^-64, 2^64].
#include <immintrin.h>

#include "kernels/attention/attention_bf16_panel.h"
#include "kernels/cpu/transpose.h"

namespace lasso::kernels::streaming {

namespace {

using Half = std::uint16_t;

// Where token `index` lies in rows of `cols`. One division for a run of tokens.
struct Place {
  Place(Index index, Index row_length)
      : cols(row_length), y(index / row_length), x(index % row_length) {}
  void step() {
    if (++x == cols) {
      x = 0;
      ++y;
    }
  }
  Index cols, y, x;
};

// The first `count` elements of 32, as a mask.
__mmask32 first_halves(Index count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << static_cast<unsigned>(count)) - 1;
}

// Elements [i, i + 32) of a row of d; a null row stands for zeros.
F load_words(const Half* row, Index i, Index d) {
  if (row == nullptr) return V::zero();
  if (d - i >= 32) return V::load(reinterpret_cast<const float*>(row + i));
  return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(first_halves(d - i), row + i));
}

// Rounds d floats.
void round_row(const float* from, Index d, Half* to) {
  for (Index i = 0; i < d; i += kWidth) {
    const __mmask16 mask = V::first(d - i);
    const __m256bh rounded = _mm512_cvtneps_pbh(V::load(from + i, mask));
    _mm256_mask_storeu_epi16(to + i, mask, reinterpret_cast<const __m256i&>(rounded));
  }
}

class Bf16Kernel {
 public:
  Bf16Kernel(const Task& task, const Scratch& scratch, float* memory)
      : t_(task),
        s_(scratch),
        memory_(memory),
        d_(task.head_dim),
        pairs_((task.head_dim + 1) / 2),
        width_(round_up(task.head_dim, kRowStep)),
        count_(task.query_end - task.query_begin),
        vectors_((count_ + kWidth - 1) / kWidth) {
    if (t_.pad_k == nullptr) return;
    round_row(t_.pad_k, d_, pad_k_);
    round_row(t_.pad_v, d_, pad_v_);
  }

  void pack(Index tile, float* to) {
    const Index keys = t_.key_rows * t_.key_cols;
    const Index step = key_step(keys, kBf16KeyTile);
    const Index begin = tile * step;
    tile_.count = begin + step < keys ? step : keys - begin;
    tile_.padded = round_up(tile_.count, kRowStep);
    pack_tile(begin, to, to + tile_.padded * pairs_);
  }

  void run() {
    Place place(t_.query_begin, t_.query_cols);
    for (Index i = 0; i < vectors_ * kWidth; ++i) {
      query_y_[i] = static_cast<std::int32_t>(place.y);
      query_x_[i] = static_cast<std::int32_t>(place.x);
      if (i + 1 < count_) place.step();  // the last query once more in the lanes that are left
    }
    each_panel([&]<int NV>(Index first) { this->template load_queries<NV>(first); });
    if (t_.rel_h != nullptr) {
      position_terms(t_.rel_h, t_.key_rows, query_y_, at(s_.rel_h), s_.rel_rows_h);
      position_terms(t_.rel_w, t_.key_cols, query_x_, at(s_.rel_w), s_.rel_rows_w);
    }
    const Index keys = t_.key_rows * t_.key_cols;
    const Index step = key_step(keys, kBf16KeyTile);
    for (Index begin = 0; begin < keys; begin += step) {
      locate_tile(begin, begin + step < keys ? begin + step : keys);
      if (t_.packed == nullptr) pack_tile(begin, at(s_.k), at(s_.v));
      each_panel([&]<int NV>(Index first) {
        prefetch_next(begin * vectors_ + step * first, begin * vectors_ + step * (first + NV));
        this->template panel<NV>(first).attend(tile_, pairs_, width_, s_.rel_rows_h, begin == 0);
      });
    }
    each_panel([&]<int NV>(Index first) { this->template finish<NV>(first); });
  }

 private:
  float* at(Index offset) const { return memory_ + offset; }
  // The token of a lane's query, counted from the window's first.
  Index token(Index lane) const { return query_y_[lane] * t_.grid_width + query_x_[lane]; }

  // Panels of 3 vectors each, the last ones of 2 + 2, 2 or 1.
  template <typename Function>
  void each_panel(Function&& f) const {
    Index first = 0;
    for (Index left = vectors_; left > 0;) {
      if (left == 1) {
        f.template operator()<1>(first);
        break;
      }
      const Index now = left == 2 || left == 4 ? 2 : 3;
      if (now == 2) {
        f.template operator()<2>(first);
      } else {
        f.template operator()<3>(first);
      }
      first += now;
      left -= now;
    }
  }

  template <int NV>
  Bf16Panel<NV> panel(Index first) const {
    const Index lane = first * kWidth;
    return {at(s_.q) + lane * pairs_,
            at(s_.out) + lane * width_,
            at(s_.rel_h) + lane * s_.rel_rows_h,
            at(s_.rel_w) + lane * s_.rel_rows_w,
            at(s_.sum) + lane,
            at(s_.total),
            at(s_.p),
            t_.scale * kLog2e};
  }

  // Q^T of a panel, and rows of its position terms that no table makes.
  template <int NV>
  void load_queries(Index first) {
    constexpr Index kStride = NV * kWidth;
    const Index lane0 = first * kWidth;
    float* q = at(s_.q) + lane0 * pairs_;
    const auto* queries = static_cast<const Half*>(t_.q);
    for (Index n = 0; n < NV; ++n) {
      for (Index i = 0; i < pairs_; i += kWidth) {
        F x[kWidth];
        for (Index r = 0; r < kWidth; ++r) {
          x[r] = load_words(queries + token(lane0 + n * kWidth + r) * t_.q_token, 2 * i, d_);
        }
        transpose_16x16(x);
        for (Index r = 0; r < kWidth && i + r < pairs_; ++r) {
          V::store(q + (i + r) * kStride + n * kWidth, x[r]);
        }
      }
    }
    float* rel_h = at(s_.rel_h) + lane0 * s_.rel_rows_h;
    float* rel_w = at(s_.rel_w) + lane0 * s_.rel_rows_w;
    for (Index i = 0; i < kStride; i += kWidth) {
      V::store(rel_h + i, V::zero());
      V::store(rel_w + i, V::zero());
      V::store(rel_h + (s_.rel_rows_h - 1) * kStride + i, V::set1(kMasked));
    }
  }

  // Asks for a share of the next task's tokens, which lie where no hardware prefetcher looks: for
  // the part [begin, end) of as many as there are keys times vectors. Inlined by force: GCC 12
  // takes a function that only prefetches for one without effects, and drops calls.
  [[gnu::always_inline]] inline void prefetch_next(Index begin, Index end) const {
    if (t_.next == nullptr) return;
    const Task& next = *t_.next;
    const Index tokens = next.inside_rows * next.inside_cols;
    const Index all = t_.key_rows * t_.key_cols * vectors_;
    const Index stop = end < all ? tokens * end / all : tokens;
    Place place(tokens * begin / all, next.inside_cols);
    for (Index i = tokens * begin / all; i < stop; ++i, place.step()) {
      const Index offset = (place.y * next.grid_width + place.x) * next.kv_token;
      for (Index j = 0; j < d_; j += 32) {
        _mm_prefetch(static_cast<const Half*>(next.q) + offset + j, _MM_HINT_T1);
        _mm_prefetch(static_cast<const Half*>(next.k) + offset + j, _MM_HINT_T1);
        _mm_prefetch(static_cast<const Half*>(next.v) + offset + j, _MM_HINT_T1);
      }
    }
  }

  // Of all panels; the table is rounded once.
  void position_terms(const float* table, Index side, const std::int32_t* positions, float* rel,
                      Index rel_rows) {
    auto* rounded = reinterpret_cast<Half*>(at(s_.tables));
    for (Index i = 0; i < 2 * side - 1; ++i) {
      Half* row = rounded + i * 2 * pairs_;
      row[2 * pairs_ - 1] = 0;
      round_row(table + i * d_, d_, row);
    }
    each_panel([&]<int NV>(Index first) {
      const Index lane0 = first * kWidth;
      Bf16Panel<NV>::relative(at(s_.tables), side, pairs_, at(s_.q) + lane0 * pairs_,
                              positions + lane0, at(s_.products), rel + lane0 * rel_rows);
    });
  }

  // The tile of the keys [begin, end), where it is or will be packed, and its rows of position
  // terms.
  void locate_tile(Index begin, Index end) {
    tile_.count = end - begin;
    tile_.padded = round_up(tile_.count, kRowStep);
    tile_.k = t_.packed == nullptr ? at(s_.k) : t_.packed + begin * (pairs_ + width_ / 2);
    tile_.v = t_.packed == nullptr ? at(s_.v) : tile_.k + tile_.padded * pairs_;
    const bool rel = t_.rel_h != nullptr;
    Place key(begin, t_.key_cols);
    for (Index i = 0; i < tile_.count; ++i, key.step()) {
      tile_.rel_h[i] = rel ? static_cast<std::int32_t>(key.y) : 0;
      tile_.rel_w[i] = rel ? static_cast<std::int32_t>(key.x) : 0;
    }
    for (Index i = tile_.count; i < tile_.padded; ++i) {
      tile_.rel_h[i] = static_cast<std::int32_t>(s_.rel_rows_h - 1);
      tile_.rel_w[i] = 0;
    }
  }

  [[gnu::noinline]] void pack_tile(Index begin, float* k, float* v) {
    const auto* keys = static_cast<const Half*>(t_.k);
    const auto* values = static_cast<const Half*>(t_.v);
    Place place(begin, t_.key_cols);
    for (Index key = 0; key < tile_.padded; key += kWidth) {
      const Half* k_rows[kWidth];
      const Half* v_rows[kWidth];
      for (Index i = 0; i < kWidth; ++i) {
        k_rows[i] = v_rows[i] = nullptr;
        if (key + i >= tile_.count) continue;
        if (place.y < t_.inside_rows && place.x < t_.inside_cols) {
          const Index offset = (place.y * t_.grid_width + place.x) * t_.kv_token;
          k_rows[i] = keys + offset;
          v_rows[i] = values + offset;
        } else if (t_.pad_k != nullptr) {
          k_rows[i] = pad_k_;
          v_rows[i] = pad_v_;
        }
        place.step();
      }
      pack_keys(k_rows, key, k);
      for (Index i = 0; i < kWidth && key + i < tile_.padded; i += 2) {
        pack_values(v_rows[i], v_rows[i + 1], (key + i) / 2, v);
      }
    }
  }

  // Sixteen keys from `key` on, a multiple of 16.
  void pack_keys(const Half* const (&rows)[kWidth], Index key, float* k) const {
    float* low = k + key * pairs_;
    float* high = low + kRows * pairs_;
    for (Index i = 0; i < pairs_; i += kWidth) {
      F x[kWidth];
#pragma GCC unroll 16
      for (int r = 0; r < kWidth; ++r) x[r] = load_words(rows[r], 2 * i, d_);
      transpose_16x16(x);
      for (Index j = 0; j < kWidth && i + j < pairs_; ++j) {
        store_low(low + (i + j) * kRows, x[j]);
        if (key + kRows < tile_.padded) store_high(high + (i + j) * kRows, x[j]);
      }
    }
  }

  // Two values, as the pair `pair`.
  void pack_values(const Half* even, const Half* odd, Index pair, float* v) const {
    const Index pairs = tile_.padded / 2;
    for (Index i = 0; i < width_; i += kWidth) {
      const __m512i low = load_wide(even, i);
      const __m512i high = _mm512_maskz_slli_epi32(V::kAll, load_wide(odd, i), 16);
      const F x = _mm512_castsi512_ps(_mm512_or_si512(low, high));
      store_low(v + i * pairs + pair * kRows, x);
      if (i + kRows < width_) store_high(v + (i + kRows) * pairs + pair * kRows, x);
    }
  }

  // Elements [i, i + 16) of a row in words of their own.
  __m512i load_wide(const Half* row, Index i) const {
    if (row == nullptr) return _mm512_setzero_si512();
    if (d_ - i >= kWidth) {
      return _mm512_maskz_cvtepu16_epi32(
          V::kAll, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + i)));
    }
    return _mm512_maskz_cvtepu16_epi32(V::kAll,
                                       _mm256_maskz_loadu_epi16(V::first(d_ - i), row + i));
  }

  static void store_low(float* p, F x) { _mm256_storeu_ps(p, _mm512_castps512_ps256(x)); }
  static void store_high(float* p, F x) {
    _mm256_storeu_ps(p, _mm512_maskz_extractf32x8_ps(0xFF, x, 1));
  }

  // out = O / sum, back in rows.
  template <int NV>
  [[gnu::noinline]] void finish(Index first) {
    constexpr Index kStride = NV * kWidth;
    const Bf16Panel<NV> p = panel<NV>(first);
    for (Index n = 0; n < NV; ++n) {
      const F inverse = V::div(V::set1(1.0F), V::load(p.sum + n * kWidth));
      const Index lane0 = (first + n) * kWidth;
      const Index lanes = count_ - lane0 < kWidth ? count_ - lane0 : kWidth;
      for (Index i = 0; i < d_; i += kWidth) {
        F x[kWidth];
        for (Index r = 0; r < kWidth; ++r) {
          x[r] = i + r < d_ ? V::mul(V::load(p.out + (i + r) * kStride + n * kWidth), inverse)
                            : V::zero();
        }
        transpose_16x16(x);
        for (Index r = 0; r < lanes; ++r) {
          Half* to = static_cast<Half*>(t_.out) + token(lane0 + r) * t_.out_token + i;
          const __m256bh rounded = _mm512_cvtneps_pbh(x[r]);
          _mm256_mask_storeu_epi16(to, V::first(d_ - i), reinterpret_cast<const __m256i&>(rounded));
        }
      }
    }
  }

  const Task& t_;
  const Scratch& s_;
  float* memory_;
  Index d_;
  Index pairs_;
  Index width_;
  Index count_;
  Index vectors_;
  Bf16KeyTile tile_;
  std::int32_t query_y_[kMaxQueryTile];
  std::int32_t query_x_[kMaxQueryTile];
  Half pad_k_[kMaxWidth];
  Half pad_v_[kMaxWidth];
};

void run(const Task& task, const Scratch& scratch, float* memory) {
  Bf16Kernel(task, scratch, memory).run();
}

void pack(const Task& task, const Scratch& scratch, Index tile, float* to) {
  Bf16Kernel(task, scratch, nullptr).pack(tile, to);
}

}  // namespace

const Entry kAvx512Bf16 = {run, pack};

}  // namespace lasso::kernels::streaming
