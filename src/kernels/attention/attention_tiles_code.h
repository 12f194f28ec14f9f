// Attention on tiles of 16 rows of 64 bytes (core/amx_tiles.h), in bfloat16, written once for AMX
// and for its emulation. Internal linkage, as in simd.h.
//
// Queries are rows here, 32 of them a panel, and keys columns, 32 of them a pair of groups of 16:
//   S [32][keys] = Q K^T + Rw / scale      P = 2^(scale log2 e S + log2 e Rh - m)      O += P V
// The sums S start from the position terms of a key's column; those of its row are one number for
// a group, since a window's rows of keys are filled up to whole groups, whose score is kMasked. P
// is cut off to bfloat16 in words of two keys 16 apart, which is how V's rows are interleaved; its
// sums are those of the numbers cut off. m is 0 unless sums of exponentials leave [2^-64, 2^68].
//
// Two numbers bound it. A pair of groups takes 8 products of tiles for S and as many for P V, of 16
// cycles each, and 64 vectors of exponentials, about as long. So both run beside each other:
// panels and blocks of keys are one sequence of items, and while P of an item is made from its S,
// a few rows after each step, the tiles compute S of the next item and add P V of the one before.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TILES_CODE_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TILES_CODE_H_

#include <cstring>

#include "kernels/attention/attention_halves.h"
#include "kernels/attention/attention_tiles.h"
#include "kernels/attention/attention_tiles_pack.h"
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/simd.h"

namespace lasso::kernels::streaming {

namespace {  // NOLINT(google-build-namespaces): see above

template <typename T, typename V>
class TileAttention {
  using F = typename V::F;

 public:
  TileAttention(const Task& task, std::byte* memory)
      : t_(task),
        z_(sizes_of(task)),
        at_(z_),
        packing_(task),
        memory_(memory),
        count_(task.query_end - task.query_begin),
        panels_((count_ + kPanelQueries - 1) / kPanelQueries) {}

  void run() {
    T::configure();
    if (t_.packed == nullptr) {
      packing_.pack(0, z_.pairs, at<std::byte>(at_.packed));
      packed_ = at<std::byte>(at_.packed);
    } else {
      packed_ = reinterpret_cast<const std::byte*>(t_.packed);
    }
    if (z_.has_rel) {
      packing_.pack_table(t_.rel_h, z_.key_rows, at<std::byte>(at_.table_h));
      packing_.pack_table(t_.rel_w, z_.key_cols, at<std::byte>(at_.table_w));
    }
    fill_masks();
    locate_queries();
    const Index items = panels_ * z_.blocks;
    for (Index i = -1; i <= items; ++i) {
      if (i + 1 < items && (i + 1) % z_.blocks == 0) prepare((i + 1) / z_.blocks);
      run_slot(i, items);
      if (i >= 1 && i % z_.blocks == 0) finish(i / z_.blocks - 1);
    }
    T::release();
  }

 private:
  static constexpr Index kKeptSteps = 2;

  // A panel from its first scores to its result; three of them are on their way at a time.
  struct Panel {
    Half* q;       // [2][steps][16][32]
    float* rel_h;  // [32][rows], log2 e Rh - m
    float* rel_w;  // [32][columns filled up], Rw / scale; kMasked where no key is
    float* out;    // [32][16 width]
    float* sums;   // [32][16]
  };

  // Rows of an item's P, made in equal parts after each of `calls` steps.
  class Beside {
   public:
    Beside(TileAttention& kernel, Index item, Index rows, Index calls)
        : kernel_(kernel), item_(item), rows_(rows), calls_(calls) {}
    [[gnu::always_inline]] void operator()() {
      debt_ += rows_;
      while (debt_ >= calls_) {
        debt_ -= calls_;
        kernel_.make_row(item_, row_++);
      }
    }
    void finish() {
      while (row_ < rows_) kernel_.make_row(item_, row_++);
    }

   private:
    TileAttention& kernel_;
    Index item_;
    Index rows_;
    Index calls_;
    Index debt_ = 0;
    Index row_ = 0;
  };

  template <typename E>
  E* at(Index offset) const {
    return reinterpret_cast<E*>(memory_ + offset);
  }
  Panel panel(Index index) const {
    const Index base = index % 3 * at_.panel_bytes;
    return {at<Half>(base + at_.q), at<float>(base + at_.rel_h), at<float>(base + at_.rel_w),
            at<float>(base + at_.out), at<float>(base + at_.sums)};
  }
  Index first_pair(Index block) const { return z_.pairs * block / z_.blocks; }
  Index pairs_of(Index item) const {
    const Index block = item % z_.blocks;
    return first_pair(block + 1) - first_pair(block);
  }
  // Of a panel: 16 or 32, the last ones repeated.
  Index rows_of(Index item) const {
    return count_ - item / z_.blocks * kPanelQueries > kTileRows ? kPanelQueries : kTileRows;
  }
  float* scores(Index item) const { return at<float>(at_.scores + item % 2 * at_.scores_bytes); }
  std::byte* weights(Index item) const {
    return at<std::byte>(at_.weights + item % 2 * at_.weights_bytes);
  }

  void fill_masks() const {
    auto* masked = at<float>(at_.masked);
    for (Index i = 0; i < kTileRows; ++i) masked[i] = kMasked;
    std::memset(at<std::byte>(at_.zeros), 0, kTileRowBytes);
    for (Index p = 0; p < (panels_ < 3 ? panels_ : 3); ++p) {
      float* rel_w = panel(p).rel_w;
      for (Index row = 0; row < z_.rel_w_rows; ++row) {
        for (Index x = 0; x < z_.filled_cols; ++x) {
          rel_w[row * z_.filled_cols + x] = x < z_.key_cols ? 0.0F : kMasked;
        }
      }
    }
  }

  void locate_queries() {
    Index y = t_.query_begin / t_.query_cols;
    Index x = t_.query_begin % t_.query_cols;
    for (Index i = 0; i < panels_ * kPanelQueries; ++i) {
      query_y_[i] = static_cast<std::int32_t>(y);
      query_x_[i] = static_cast<std::int32_t>(x);
      if (i + 1 >= count_) continue;  // the last query once more in the rows that are left
      if (++x == t_.query_cols) {
        x = 0;
        ++y;
      }
    }
  }
  Index token(Index lane) const { return query_y_[lane] * t_.grid_width + query_x_[lane]; }

  // sums [16 kRows][...] = first + x y over `steps`: tiles of x lie x_tile apart from one row of
  // tiles to the next, those of y y_tile apart from one column of tiles to the next, y_step from
  // one step to the next. `first` and `sums` have rows so many bytes apart.
  template <int kRows, int kColumns, typename Call>
  [[gnu::always_inline]] static void multiply(const std::byte* x, Index x_tile, const std::byte* y,
                                              Index y_tile, Index y_step, Index steps,
                                              const float* const (&first)[2], Index first_stride,
                                              float* sums, Index stride, Call& call) {
    const auto row = [](const float* p, Index bytes) {
      return reinterpret_cast<const std::byte*>(p) + bytes;
    };
    T::template load<0>(first[0], first_stride);
    if constexpr (kColumns == 2) T::template load<1>(first[1], first_stride);
    if constexpr (kRows == 2) {
      T::template load<2>(row(first[0], kTileRows * first_stride), first_stride);
      if constexpr (kColumns == 2) {
        T::template load<3>(row(first[1], kTileRows * first_stride), first_stride);
      }
    }
    for (Index step = 0; step < steps; ++step, x += kTileBytes, y += y_step) {
      T::template load<6>(y, kTileRowBytes);
      if constexpr (kColumns == 2) T::template load<7>(y + y_tile, kTileRowBytes);
      T::template load<4>(x, kTileRowBytes);
      if constexpr (kRows == 2) T::template load<5>(x + x_tile, kTileRowBytes);
      T::template dot_bf16<0, 4, 6>();
      if constexpr (kColumns == 2) T::template dot_bf16<1, 4, 7>();
      if constexpr (kRows == 2) {
        T::template dot_bf16<2, 5, 6>();
        if constexpr (kColumns == 2) T::template dot_bf16<3, 5, 7>();
      }
      call();
    }
    T::template store<0>(sums, stride);
    if constexpr (kColumns == 2) T::template store<1>(sums + kTileRows, stride);
    if constexpr (kRows == 2) {
      float* below = sums + kTileRows * stride / static_cast<Index>(sizeof(float));
      T::template store<2>(below, stride);
      if constexpr (kColumns == 2) T::template store<3>(below + kTileRows, stride);
    }
  }

  // The panel's queries in tiles, and what its scores start from.
  void prepare(Index index) const {
    const Panel p = panel(index);
    const Index lane0 = index * kPanelQueries;
    constexpr Index kNumbers = kTileRowBytes / 2;
    for (Index r = 0; r < kPanelQueries; ++r) {
      const Half* q = static_cast<const Half*>(t_.q) + token(lane0 + r) * t_.q_token;
      Half* to = p.q + (r / kTileRows * z_.steps * kTileRows + r % kTileRows) * kNumbers;
      for (Index step = 0; step < z_.steps; ++step, to += kTileRows * kNumbers) {
        const Index left = z_.d - step * kNumbers;
        if (left < kNumbers) std::memset(to, 0, kTileRowBytes);
        std::memcpy(to, q + step * kNumbers,
                    static_cast<std::size_t>(left < kNumbers ? left : kNumbers) * sizeof(Half));
      }
    }
    std::memset(p.sums, 0, kPanelQueries * kTileRowBytes);
    if (!z_.has_rel) {
      std::memset(p.rel_h, 0, kPanelQueries * sizeof(float));
      return;
    }
    const auto terms = [&](std::int64_t offset, Index side, const std::int32_t* positions,
                           float factor, float* rel, Index stride) {
      table_products(p.q, at<std::byte>(offset), side);
      for (Index r = 0; r < kPanelQueries; ++r) {
        const float* from = at<float>(at_.products) + r * z_.table_rows + side - 1 - positions[r];
        float* to = rel + r * stride;
        const F by = V::set1(factor);
        for_vectors<V>(
            side, [&](Index i) { V::store(to + i, V::mul(V::load(from + i), by)); },
            [&](Index i, Index n) {
              const auto mask = V::first(n);
              V::store(to + i, mask, V::mul(V::load(from + i, mask), by));
            });
      }
    };
    terms(at_.table_h, z_.key_rows, query_y_ + lane0, kLog2e, p.rel_h, z_.rel_rows);
    terms(at_.table_w, z_.key_cols, query_x_ + lane0, 1.0F / t_.scale, p.rel_w, z_.filled_cols);
  }

  // products [32][table_rows] = Q table^T
  void table_products(const Half* q, const std::byte* table, Index side) const {
    const auto* zeros = at<float>(at_.zeros);
    const auto none = [] {};
    const Index tiles = (2 * side - 1 + kTileRows - 1) / kTileRows;
    for (Index i = 0; i < tiles; ++i) {
      multiply<2, 1>(reinterpret_cast<const std::byte*>(q), z_.steps * kTileBytes,
                     table + i * z_.steps * kTileBytes, 0, kTileBytes, z_.steps, {zeros, zeros}, 0,
                     at<float>(at_.products) + i * kTileRows, z_.table_rows * 4, none);
    }
  }

  // One slot: S of item i + 1, P of item i, and P V of item i - 1.
  void run_slot(Index i, Index items) {
    const bool makes_scores = i + 1 < items;
    const bool makes_rows = i >= 0 && i < items;
    const bool adds_values = i >= 1;
    const Index calls = (makes_scores ? pairs_of(i + 1) * z_.steps : 0) +
                        (adds_values ? pairs_of(i - 1) * ((z_.width + 1) / 2) : 0);
    failed_ = 0;
    for (Index n = 0; makes_rows && n < 2 * pairs_of(i); ++n) {
      key_rows_[n] = row_of(2 * first_pair(i % z_.blocks) + n);
    }
    Beside beside(*this, i, makes_rows ? rows_of(i) : 0, calls > 0 ? calls : 1);
    if (makes_scores) {
      if (z_.steps == kKeptSteps && rows_of(i + 1) > kTileRows) {
        make_scores_of_kept(i + 1, beside);
      } else if (rows_of(i + 1) > kTileRows) {
        make_scores<2>(i + 1, beside);
      } else {
        make_scores<1>(i + 1, beside);
      }
    }
    if (adds_values) {
      rows_of(i - 1) > kTileRows ? add_values<2>(i - 1, beside) : add_values<1>(i - 1, beside);
    }
    beside.finish();
    for (Index n = 0; n < failed_; ++n) raise_row(i, failed_rows_[n]);
  }

  template <int kRows>
  void make_scores(Index item, Beside& beside) const {
    const Panel p = panel(item / z_.blocks);
    const Index begin = first_pair(item % z_.blocks);
    const auto* masked = at<float>(at_.masked);
    for (Index n = 0; n < pairs_of(item); ++n) {
      const Index group = (begin + n) * 2;
      const Index column = group % z_.row_groups * kTileRows;
      const Index next = (group + 1) % z_.row_groups * kTileRows;
      float* to = scores(item) + n * 2 * kTileRows;
      const std::byte* keys = packed_ + (begin + n) * z_.pair_bytes();
      const auto* q = reinterpret_cast<const std::byte*>(p.q);
      if (group + 1 == z_.groups) {
        // The last group has none beside it.
        multiply<kRows, 1>(q, z_.steps * kTileBytes, keys, 0, kTileBytes, z_.steps,
                           {p.rel_w + column, nullptr}, z_.rel_w_stride(), to, kBlockStride,
                           beside);
        for (Index r = 0; r < kRows * kTileRows; ++r) {
          std::memcpy(to + r * kBlockKeys + kTileRows, masked, kTileRowBytes);
        }
      } else {
        multiply<kRows, 2>(q, z_.steps * kTileBytes, keys, z_.steps * kTileBytes, kTileBytes,
                           z_.steps, {p.rel_w + column, p.rel_w + next}, z_.rel_w_stride(), to,
                           kBlockStride, beside);
      }
    }
  }

  // The same for heads of 33 to 64 numbers, whose four tiles of queries stay where they are.
  void make_scores_of_kept(Index item, Beside& beside) const {
    const Panel p = panel(item / z_.blocks);
    const auto* q = reinterpret_cast<const std::byte*>(p.q);
    T::template load<4>(q, kTileRowBytes);
    T::template load<5>(q + kKeptSteps * kTileBytes, kTileRowBytes);
    T::template load<6>(q + kTileBytes, kTileRowBytes);
    T::template load<7>(q + (kKeptSteps + 1) * kTileBytes, kTileRowBytes);
    const Index below = kTileRows * z_.rel_w_stride() / static_cast<Index>(sizeof(float));
    const Index begin = 2 * first_pair(item % z_.blocks);
    for (Index n = 0; n < 2 * pairs_of(item); ++n) {
      const Index group = begin + n;
      float* to = scores(item) + n * kTileRows;
      if (group == z_.groups) {  // there is none beside the last one
        for (Index r = 0; r < kPanelQueries; ++r) {
          std::memcpy(to + r * kBlockKeys, at<float>(at_.masked), kTileRowBytes);
        }
        continue;
      }
      const float* first = p.rel_w + group % z_.row_groups * kTileRows;
      const std::byte* keys =
          packed_ + group / 2 * z_.pair_bytes() + group % 2 * kKeptSteps * kTileBytes;
      T::template load<0>(first, z_.rel_w_stride());
      T::template load<1>(first + below, z_.rel_w_stride());
      T::template load<2>(keys, kTileRowBytes);
      T::template load<3>(keys + kTileBytes, kTileRowBytes);
      T::template dot_bf16<0, 4, 2>();
      T::template dot_bf16<1, 5, 2>();
      T::template dot_bf16<0, 6, 3>();
      T::template dot_bf16<1, 7, 3>();
      beside();
      T::template store<0>(to, kBlockStride);
      T::template store<1>(to + kTileRows * kBlockKeys, kBlockStride);
    }
  }

  template <int kRows>
  void add_values(Index item, Beside& beside) const {
    const Panel p = panel(item / z_.blocks);
    const bool is_first = item % z_.blocks == 0;
    const Index begin = first_pair(item % z_.blocks);
    const Index stride = z_.width * kTileRowBytes;
    const std::byte* values = packed_ + begin * z_.pair_bytes() + 2 * z_.steps * kTileBytes;
    const auto* zeros = at<float>(at_.zeros);
    for (Index i = 0; i < z_.width; i += 2) {
      float* out = p.out + i * kTileRows;
      const float* const first[2] = {is_first ? zeros : out, is_first ? zeros : out + kTileRows};
      const Index first_stride = is_first ? 0 : stride;
      const std::byte* y = values + i * kTileBytes;
      if (i + 1 < z_.width) {
        multiply<kRows, 2>(weights(item), kWeightsTile, y, kTileBytes, z_.pair_bytes(),
                           pairs_of(item), first, first_stride, out, stride, beside);
      } else {
        multiply<kRows, 1>(weights(item), kWeightsTile, y, kTileBytes, z_.pair_bytes(),
                           pairs_of(item), first, first_stride, out, stride, beside);
      }
    }
  }

  // P of one query and an item's keys, and its sums; `sums` are those of lanes.
  F weigh_row(Index item, Index row) const {
    const Panel p = panel(item / z_.blocks);
    const float* s = scores(item) + row * kBlockKeys;
    const float* rel_h = p.rel_h + row * z_.rel_rows;
    std::byte* to =
        weights(item) + row / kTileRows * kWeightsTile + row % kTileRows * kTileRowBytes;
    const F factor = V::set1(t_.scale * kLog2e);
    F sums = V::zero();
    for (Index n = 0; n < pairs_of(item); ++n, s += 2 * kTileRows, to += kTileBytes) {
      const F even_h = V::set1(rel_h[key_rows_[2 * n]]);
      const F odd_h = V::set1(rel_h[key_rows_[2 * n + 1]]);
#pragma GCC unroll 2
      for (Index i = 0; i < kTileRows; i += V::kWidth) {
        const F even = short_exp2(V::fma(V::load(s + i), factor, even_h));
        const F odd = short_exp2(V::fma(V::load(s + kTileRows + i), factor, odd_h));
        V::store(reinterpret_cast<float*>(to) + i, cut_off(even, odd));
        sums = V::add(sums, V::add(upper_halves(even), upper_halves(odd)));
      }
    }
    return sums;
  }

  // The row of keys that a group belongs to, as far as terms of rows differ.
  Index row_of(Index group) const {
    if (z_.rel_rows == 1) return 0;
    const Index y = group / z_.row_groups;
    return y < z_.key_rows ? y : z_.key_rows - 1;
  }

  // With the m of earlier items; a row that needs another waits until the tiles are done with O.
  [[gnu::noinline]] void make_row(Index item, Index row) {
    const F sums = weigh_row(item, row);
    const bool is_first = item % z_.blocks == 0;
    if (V::any_greater(sums, V::set1(kMaxSum)) || (is_first && V::sum(sums) < 1.0F / kMaxSum)) {
      failed_rows_[failed_++] = row;
      return;
    }
    add_sums(item, row, sums);
  }

  void add_sums(Index item, Index row, F sums) const {
    float* at = panel(item / z_.blocks).sums + row * kTileRows;
    V::store(at, V::add(V::load(at), sums));
  }

  // The same with m raised to the largest score (the first item's: lowered, too); what earlier
  // items left is rescaled.
  [[gnu::noinline]] void raise_row(Index item, Index row) const {
    const Panel p = panel(item / z_.blocks);
    const float* s = scores(item) + row * kBlockKeys;
    float* rel_h = p.rel_h + row * z_.rel_rows;
    const bool is_first = item % z_.blocks == 0;
    const float factor = t_.scale * kLog2e;
    float rise = is_first ? kMasked : 0.0F;
    for (Index g = 0; g < 2 * pairs_of(item); ++g) {
      for (Index i = 0; i < kTileRows; ++i) {
        const float score = s[g * kTileRows + i] * factor + rel_h[key_rows_[g]];
        if (score > rise) rise = score;
      }
    }
    for (Index y = 0; y < z_.rel_rows; ++y) rel_h[y] -= rise;
    if (!is_first) {
      const F down = short_exp2(V::set1(-rise));
      const auto scale = [&](float* values, Index count) {
        for (Index i = 0; i < count; i += V::kWidth) {
          V::store(values + i, V::mul(V::load(values + i), down));
        }
      };
      scale(p.out + row * z_.width * kTileRows, z_.width * kTileRows);
      scale(p.sums + row * kTileRows, V::kWidth);
    }
    add_sums(item, row, weigh_row(item, row));
  }

  // out = O / sum
  void finish(Index index) const {
    const Panel p = panel(index);
    const Index lane0 = index * kPanelQueries;
    const Index rows = count_ - lane0 < kPanelQueries ? count_ - lane0 : kPanelQueries;
    for (Index r = 0; r < rows; ++r) {
      const F inverse = V::set1(1.0F / V::sum(V::load(p.sums + r * kTileRows)));
      const float* from = p.out + r * z_.width * kTileRows;
      Half* to = static_cast<Half*>(t_.out) + token(lane0 + r) * t_.out_token;
      for (Index i = 0; i < z_.d; i += V::kWidth) {
        const F x = V::mul(V::load(from + i), inverse);
        store_first<V>(to + i, z_.d - i, [&](Half* out) { Narrow<V>::store_bf16(out, x); });
      }
    }
  }

  const Task& t_;
  const TileSizes z_;
  const TileScratch at_;
  const TilePacking<V> packing_;
  std::byte* memory_;
  const std::byte* packed_ = nullptr;
  Index count_;
  Index panels_;
  Index failed_ = 0;
  Index failed_rows_[kPanelQueries];
  Index key_rows_[2 * kBlockPairs];  // of the groups of the item whose P is made
  std::int32_t query_y_[kTileQueries];
  std::int32_t query_x_[kTileQueries];
};

template <typename T, typename V>
constexpr Entry tile_entry() {
  return {[](const Task& task, const Scratch& /*scratch*/, float* memory) {
            TileAttention<T, V>(task, reinterpret_cast<std::byte*>(memory)).run();
          },
          [](const Task& task, const Scratch& /*scratch*/, Index tile, float* to) {
            const TileSizes sizes = sizes_of(task);
            const Index begin = tile * kPackedPairs;
            const Index end =
                begin + kPackedPairs < sizes.pairs ? begin + kPackedPairs : sizes.pairs;
            TilePacking<V>(task).pack(begin, end, reinterpret_cast<std::byte*>(to));
          }};
}

}  // namespace

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TILES_CODE_H_
