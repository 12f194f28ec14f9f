// Keys, values and position tables of a task as attention on tiles reads them. Internal linkage, as
// in simd.h.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TILES_PACK_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TILES_PACK_H_

#include <cstring>

#include "kernels/attention/attention_halves.h"
#include "kernels/attention/attention_tiles.h"
#include "kernels/cpu/narrow.h"

namespace lasso::kernels::streaming {

namespace {  // NOLINT(google-build-namespaces): see above

using Half = std::uint16_t;

inline TileSizes sizes_of(const Task& task) {
  return {task.key_rows, task.key_cols, task.head_dim, task.rel_h != nullptr};
}

template <typename V>
class TilePacking {
 public:
  explicit TilePacking(const Task& task) : t_(task), z_(sizes_of(task)) {
    if (t_.pad_k == nullptr) return;
    round_row<V>(t_.pad_k, z_.d, pad_k_);
    round_row<V>(t_.pad_v, z_.d, pad_v_);
  }

  // Packs the pairs [begin, end) of groups of keys.
  void pack(Index begin, Index end, std::byte* to) const {
    for (Index pair = begin; pair < end; ++pair, to += z_.pair_bytes()) {
      const Half* keys[2 * kTileRows];
      const Half* values[2 * kTileRows];
      for (Index i = 0; i < 2 * kTileRows; ++i)
        locate(pair * 2 * kTileRows + i, keys[i], values[i]);
      pack_keys(keys, to);
      pack_keys(keys + kTileRows, to + z_.steps * kTileBytes);
      pack_values(values, to + 2 * z_.steps * kTileBytes);
    }
  }

  // The rows of a table from the last to the first, as tiles of 16: then a query's terms are one
  // run of its products with them.
  void pack_table(const float* table, Index side, std::byte* to) const {
    const Index rows = 2 * side - 1;
    alignas(64) Half rounded[kTileRows][kMaxWidth];
    for (Index first = 0; first < rows; first += kTileRows, to += z_.steps * kTileBytes) {
      const Half* pointers[kTileRows];
      for (Index i = 0; i < kTileRows; ++i) {
        pointers[i] = first + i < rows ? rounded[i] : nullptr;
        if (first + i < rows) round_row<V>(table + (rows - 1 - first - i) * z_.d, z_.d, rounded[i]);
      }
      pack_keys(pointers, to);
    }
  }

 private:
  // Key `index` of those filled up; null rows stand for zeros.
  void locate(Index index, const Half*& key, const Half*& value) const {
    key = value = nullptr;
    const Index y = index / z_.filled_cols;
    const Index x = index % z_.filled_cols;
    if (y >= z_.key_rows || x >= z_.key_cols) return;
    if (y < t_.inside_rows && x < t_.inside_cols) {
      const Index offset = (y * t_.grid_width + x) * t_.kv_token;
      key = static_cast<const Half*>(t_.k) + offset;
      value = static_cast<const Half*>(t_.v) + offset;
    } else if (t_.pad_k != nullptr) {
      key = pad_k_;
      value = pad_v_;
    }
  }

  // 16 rows of d numbers as tiles [steps][d pairs][16 rows][2].
  void pack_keys(const Half* const* rows, std::byte* to) const {
    constexpr Index kNumbers = kTileRowBytes / 2;
    alignas(64) Half tails[kTileRows][kNumbers];
    for (Index step = 0; step < z_.steps; ++step, to += kTileBytes) {
      const Index left = z_.d - step * kNumbers;
      const float* words[kTileRows];
      for (Index i = 0; i < kTileRows; ++i) {
        if (rows[i] != nullptr && left >= kNumbers) {
          words[i] = reinterpret_cast<const float*>(rows[i] + step * kNumbers);
          continue;
        }
        std::memset(tails[i], 0, sizeof(tails[i]));
        if (rows[i] != nullptr) {
          std::memcpy(tails[i], rows[i] + step * kNumbers,
                      static_cast<std::size_t>(left) * sizeof(Half));
        }
        words[i] = reinterpret_cast<const float*>(tails[i]);
      }
      transpose_words<V>(words, reinterpret_cast<float*>(to));
    }
  }

  // 32 rows of d numbers as tiles [width][16 rows][16][2], whose words are of rows 16 apart.
  void pack_values(const Half* const* rows, std::byte* to) const {
    for (Index i = 0; i < z_.width; ++i, to += kTileBytes) {
      const Index left = z_.d - i * kTileRows;
      const auto load = [&](const Half* row, Index column) {
        if (row == nullptr || column >= left) return V::zero();
        const Half* from = row + i * kTileRows + column;
        return left - column >= V::kWidth ? load_vector<V>(from)
                                          : load_first<V>(from, left - column);
      };
      auto* words = reinterpret_cast<float*>(to);
      for (Index r = 0; r < kTileRows; ++r) {
        for (Index column = 0; column < kTileRows; column += V::kWidth) {
          V::store(words + r * kTileRows + column,
                   cut_off(load(rows[r], column), load(rows[r + kTileRows], column)));
        }
      }
    }
  }

  const Task& t_;
  const TileSizes z_;
  Half pad_k_[kMaxWidth];
  Half pad_v_[kMaxWidth];
};

}  // namespace

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TILES_PACK_H_
