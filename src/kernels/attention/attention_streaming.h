// The streaming kernel, over a vector type V that each instruction set defines in its own file.
//
// A task is a tile of queries of one head. Queries lie in the lanes: q is transposed once into
// [d][queries], and with keys as rows
//   S^T[key][query] = sum_i K[key][i] Q^T[i][query]        O^T[i][query] += sum_key V[key][i]
//   P^T[key][query]
// are one micro-kernel: a scalar of K or V, as it lies in memory, times vectors of queries, R x NV
// accumulators. The maximum and the sum of the softmax are then per lane, and any head width, grid
// and window works without masks. Keys come in tiles of at most kKeyTile,
// packed so that the R scalars of a step lie side by side (attention_panel.h): by each task into
// its scratch, or once per head into the workspace where several tasks share the head. A panel of
// NV vectors of queries goes through a tile while its scores, P^T [keys][NV], stay in the L1 cache.
//
// Position terms: the scores of a tile start from relh[y_k] + relw[x_k], two rows of
// [side][queries] that are made once per task: T = R_table Q^T by the same micro-kernel, of which
// each lane takes its own rows.
//
// The softmax is in powers of two (log2 e is multiplied into q). Any m that lies in [max - 64, max]
// is as good as the maximum itself: exp2(s - m) <= 2^64 overflows neither sums nor products, and
// what underflows is below 2^-126 of the largest. So m is the maximum of the first tile, -m joins
// the accumulators' start, and the exponential is taken from the registers; only where a sum
// of exponentials exceeds 2^64 (checked once per tile) the tile is done again with a new m, and
// what has been summed is rescaled.
//
// Everything here is a template over V, which has internal linkage, so that no code of one
// instruction set is linked into another.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_STREAMING_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_STREAMING_H_

#include "kernels/attention/attention_panel.h"

namespace lasso::kernels::streaming {

// The tile of queries: its panels are cut as 3 vectors each, the last ones as 2 + 2, 2 or 1.
// E: of q, k, v and the result, float or bfloat16 (std::uint16_t).
template <class V, typename E>
class Kernel {
  using T = typename V::T;

 public:
  Kernel(const Task& task, const Scratch& scratch, float* memory)
      : t_(task),
        s_(scratch),
        memory_(memory),
        d_(task.head_dim),
        width_(round_up(task.head_dim, kRowStep)),
        count_(task.query_end - task.query_begin),
        vectors_((count_ + V::kWidth - 1) / V::kWidth) {
    if (t_.pad_k == nullptr) return;
    round_pad(t_.pad_k, d_, pad_k_);
    round_pad(t_.pad_v, d_, pad_v_);
  }

  // Packs the keys of a tile for later tasks; only the task's keys are used.
  void pack(Index tile, float* to) {
    const Index keys = t_.key_rows * t_.key_cols;
    const Index step = key_step(keys);
    const Index begin = tile * step;
    tile_.count = begin + step < keys ? step : keys - begin;
    tile_.padded = round_up(tile_.count, kRowStep);
    pack_tile(begin, to, to + tile_.padded * d_);
  }

  void run() {
    if (t_.packed == nullptr) prefetch(0, kKeyTile);
    Place place(t_.query_begin, t_.query_cols);
    for (Index i = 0; i < vectors_ * V::kWidth; ++i) {
      query_y_[i] = static_cast<std::int32_t>(place.y);
      query_x_[i] = static_cast<std::int32_t>(place.x);
      if (i + 1 < count_) place.step();  // the last query once more in the lanes that are left
    }
    each_panel([&]<int NV>(Index first) { this->template prepare<NV>(first); });
    const Index keys = t_.key_rows * t_.key_cols;
    const Index step = key_step(keys);
    for (Index begin = 0; begin < keys; begin += step) {
      const Index end = begin + step < keys ? begin + step : keys;
      locate_tile(begin, end);
      if (t_.packed == nullptr) pack_tile(begin, at(s_.k), at(s_.v));
      each_panel([&]<int NV>(Index first) {
        if (t_.packed == nullptr) {
          prefetch(end + step * first / vectors_, end + step * (first + NV) / vectors_);
        }
        this->template panel<NV>(first).attend(tile_, width_, d_, begin == 0);
      });
    }
    each_panel([&]<int NV>(Index first) { this->template finish<NV>(first); });
  }

 private:
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

  static void round_pad(const float* from, Index d, E* to) {
    for (Index i = 0; i < d; i += V::kWidth) {
      if (i + V::kWidth <= d) {
        V::store(to + i, V::load(from + i));
      } else {
        V::store_n(to + i, V::load_n(from + i, d - i), d - i);
      }
    }
  }

  float* at(Index offset) const { return memory_ + offset; }
  bool inside(const Place& key) const { return key.y < t_.inside_rows && key.x < t_.inside_cols; }
  Index kv_offset(const Place& key) const { return (key.y * t_.grid_width + key.x) * t_.kv_token; }

  template <typename F>
  void each_panel(F&& f) const {
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
  Panel<V, NV> panel(Index first) const {
    const Index lane = first * V::kWidth;
    return {at(s_.q) + lane * d_,
            at(s_.out) + lane * width_,
            at(s_.rel_h) + lane * s_.rel_rows_h,
            at(s_.rel_w) + lane * s_.rel_rows_w,
            at(s_.max) + lane,
            at(s_.sum) + lane,
            at(s_.total),
            at(s_.p)};
  }

  // Q^T and the position terms of a panel.
  template <int NV>
  void prepare(Index first) {
    constexpr Index kStride = NV * V::kWidth;
    const Index lane0 = first * V::kWidth;
    const bool rel = t_.rel_h != nullptr;
    float* q = at(s_.q) + lane0 * d_;
    const T factor = V::set1(rel ? kLog2e : t_.scale * kLog2e);
    for (Index n = 0; n < NV; ++n) {
      const auto* q_rows = static_cast<const E*>(t_.q);
      const E* rows[V::kWidth];
      for (Index i = 0; i < V::kWidth; ++i) {
        rows[i] = q_rows + token(lane0 + n * V::kWidth + i) * t_.q_token;
      }
      for (Index i = 0; i < d_; i += V::kWidth) {
        T x[V::kWidth];
        for (Index r = 0; r < V::kWidth; ++r) {
          x[r] = i + V::kWidth <= d_ ? V::load(rows[r] + i) : V::load_n(rows[r] + i, d_ - i);
        }
        V::transpose(x);
        for (Index r = 0; r < V::kWidth && i + r < d_; ++r) {
          V::store(q + (i + r) * kStride + n * V::kWidth, V::mul(x[r], factor));
        }
      }
    }
    float* rel_h = at(s_.rel_h) + lane0 * s_.rel_rows_h;
    float* rel_w = at(s_.rel_w) + lane0 * s_.rel_rows_w;
    if (rel) {
      float* products = at(s_.products);
      using P = Panel<V, NV>;
      P::relative(t_.rel_h, t_.key_rows, d_, q, query_y_ + lane0, products, rel_h);
      P::relative(t_.rel_w, t_.key_cols, d_, q, query_x_ + lane0, products, rel_w);
      const T scale = V::set1(t_.scale);
      for (Index i = 0; i < d_ * kStride; i += V::kWidth) {
        V::store(q + i, V::mul(V::load(q + i), scale));
      }
    } else {
      for (Index i = 0; i < kStride; i += V::kWidth) {
        V::store(rel_h + i, V::zero());
        V::store(rel_w + i, V::zero());
      }
    }
    float* masked = rel_h + (s_.rel_rows_h - 1) * kStride;
    for (Index i = 0; i < kStride; i += V::kWidth) V::store(masked + i, V::set1(kMasked));
  }

  // The token of a lane's query, counted from the window's first.
  Index token(Index lane) const { return query_y_[lane] * t_.grid_width + query_x_[lane]; }

  // The tile of the keys [begin, end), where it is or will be packed, and its rows of position
  // terms.
  void locate_tile(Index begin, Index end) {
    tile_.count = end - begin;
    tile_.padded = round_up(tile_.count, kRowStep);
    tile_.k = t_.packed == nullptr ? at(s_.k) : t_.packed + begin * (d_ + width_);
    tile_.v = t_.packed == nullptr ? at(s_.v) : tile_.k + tile_.padded * d_;
    if (t_.packed != nullptr) {
      const Index keys = round_up(t_.key_rows * t_.key_cols, kRowStep);
      const Index next = end + kKeyTile < keys ? end + kKeyTile : keys;
      tile_.ahead = t_.packed + end * (d_ + width_);
      tile_.ahead_end = t_.packed + next * (d_ + width_);
      // A panel of three vectors has width / R blocks of V.
      const Index blocks = (vectors_ + 2) / 3 * (width_ / V::kRows);
      tile_.ahead_step = round_up((tile_.ahead_end - tile_.ahead) / blocks + 1, kLine);
    }
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
    const auto* keys = static_cast<const E*>(t_.k);
    const auto* values = static_cast<const E*>(t_.v);
    const E* pad_k = t_.pad_k == nullptr ? nullptr : pad_k_;
    const E* pad_v = t_.pad_v == nullptr ? nullptr : pad_v_;
    Place place(begin, t_.key_cols);
    for (Index key = 0; key < tile_.padded; key += V::kWidth) {
      const E* rows[V::kWidth];
      for (Index i = 0; i < V::kWidth; ++i) {
        rows[i] = nullptr;
        if (key + i >= tile_.count) continue;
        const bool own = inside(place);
        const Index offset = kv_offset(place);
        rows[i] = own ? keys + offset : pad_k;
        Packer<V>::value(own ? values + offset : pad_v, key + i, tile_.padded, d_, width_, v);
        place.step();
      }
      Packer<V>::keys(rows, key, tile_.padded, d_, k);
    }
  }

  // Asks for rows of the next tile, which lie a token's stride apart, where no hardware prefetcher
  // looks.
  [[gnu::always_inline]] inline void prefetch(Index begin, Index end) const {
    const Index keys = t_.key_rows * t_.key_cols;
    const Index stop = end < keys ? end : keys;
    if (begin >= stop) return;
    Place key(begin, t_.key_cols);
    for (Index n = begin; n < stop; ++n, key.step()) {
      if (!inside(key)) continue;
      const Index offset = kv_offset(key);
      for (Index i = 0; i < d_; i += kLine) {
        V::prefetch(static_cast<const E*>(t_.k) + offset + i);
        V::prefetch(static_cast<const E*>(t_.v) + offset + i);
      }
    }
  }

  // out = O / sum, back in rows.
  template <int NV>
  [[gnu::noinline]] void finish(Index first) {
    constexpr Index kStride = NV * V::kWidth;
    const Panel<V, NV> p = panel<NV>(first);
    for (Index n = 0; n < NV; ++n) {
      const T inverse = V::div(V::set1(1.0F), V::load(p.sum + n * V::kWidth));
      const Index lane0 = (first + n) * V::kWidth;
      const Index lanes = count_ - lane0 < V::kWidth ? count_ - lane0 : V::kWidth;
      for (Index i = 0; i < d_; i += V::kWidth) {
        T x[V::kWidth];
        for (Index r = 0; r < V::kWidth; ++r) {
          x[r] = i + r < d_ ? V::mul(V::load(p.out + (i + r) * kStride + n * V::kWidth), inverse)
                            : V::zero();
        }
        V::transpose(x);
        for (Index r = 0; r < lanes; ++r) {
          E* to = static_cast<E*>(t_.out) + token(lane0 + r) * t_.out_token + i;
          if (i + V::kWidth <= d_) {
            V::store(to, x[r]);
          } else {
            V::store_n(to, x[r], d_ - i);
          }
        }
      }
    }
  }

  const Task& t_;
  const Scratch& s_;
  float* memory_;
  Index d_;
  Index width_;
  Index count_;
  Index vectors_;
  KeyTile tile_;
  std::int32_t query_y_[kMaxQueryTile];
  std::int32_t query_x_[kMaxQueryTile];
  E pad_k_[kMaxWidth];
  E pad_v_[kMaxWidth];
};

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_STREAMING_H_
