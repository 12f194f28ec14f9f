// Attention on tiles: the sizes of a task, and where a thread's scratch has what. Nothing here
// makes code of its own: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TILES_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TILES_H_

#include <cstddef>
#include <cstdint>

#include "core/amx_tiles.h"
#include "kernels/attention/attention_task.h"

namespace lasso::kernels::streaming {

constexpr Index kPanelQueries = 2 * kTileRows;
constexpr Index kTileQueries = 256;  // of a task, at most
// A block of keys is up to four pairs of groups of 16.
constexpr Index kBlockPairs = 4;
constexpr Index kBlockKeys = kBlockPairs * 2 * kTileRows;
constexpr Index kBlockStride = kBlockKeys * 4;
constexpr Index kWeightsTile = kBlockPairs * kTileBytes;  // of P: from 16 queries to the next
constexpr Index kPackedPairs = 8;                         // that one task packs for others

struct TileSizes {
  constexpr TileSizes(Index rows, Index cols, Index head_dim, bool rel)
      : d(head_dim),
        steps((d + 31) / 32),
        width((d + kTileRows - 1) / kTileRows),
        key_rows(rows),
        key_cols(cols),
        filled_cols(round_up(cols, kTileRows)),
        row_groups(filled_cols / kTileRows),
        groups(rows * row_groups),
        pairs((groups + 1) / 2),
        blocks((pairs + kBlockPairs - 1) / kBlockPairs),
        has_rel(rel),
        rel_rows(rel ? rows : 1),
        rel_w_rows(rel ? kPanelQueries : 1),
        table_rows(rel ? round_up(2 * (rows > cols ? rows : cols) - 1, kTileRows) : 0) {}

  // Of packed keys and values: two groups of K, then V.
  constexpr Index pair_bytes() const { return (2 * steps + width) * kTileBytes; }
  constexpr Index rel_w_stride() const { return has_rel ? filled_cols * 4 : 0; }

  Index d;
  Index steps;  // of 32 numbers along d
  Index width;  // tiles of 16 numbers along d
  Index key_rows;
  Index key_cols;
  Index filled_cols;  // whole groups
  Index row_groups;   // of a row of keys
  Index groups;
  Index pairs;
  Index blocks;
  bool has_rel;
  Index rel_rows;    // of terms that differ from key row to key row
  Index rel_w_rows;  // 1 where all queries have the same terms, which only mask
  Index table_rows;  // of the larger table, filled up
};

// Offsets in bytes, each a multiple of 64.
struct TileScratch {
  constexpr explicit TileScratch(const TileSizes& z) {
    // Of a panel, and so of each of three.
    q = take(2 * z.steps * kTileBytes);
    rel_h = take(kPanelQueries * z.rel_rows * 4);
    rel_w = take(z.rel_w_rows * z.filled_cols * 4);
    out = take(kPanelQueries * z.width * kTileRowBytes);
    sums = take(kPanelQueries * kTileRowBytes);
    panel_bytes = bytes;
    bytes *= 3;
    scores_bytes = kPanelQueries * kBlockStride;
    scores = take(2 * scores_bytes);
    weights_bytes = 2 * kWeightsTile;
    weights = take(2 * weights_bytes);
    masked = take(kTileRowBytes);
    zeros = take(kTileRowBytes);
    products = take(kPanelQueries * z.table_rows * 4);
    table_h = take(z.table_rows / kTileRows * z.steps * kTileBytes);
    table_w = take(z.table_rows / kTileRows * z.steps * kTileBytes);
    packed = bytes;  // of a task that packs for itself
  }

  Index q = 0;
  Index rel_h = 0;
  Index rel_w = 0;
  Index out = 0;
  Index sums = 0;
  Index panel_bytes = 0;
  Index scores = 0;
  Index scores_bytes = 0;
  Index weights = 0;
  Index weights_bytes = 0;
  Index masked = 0;
  Index zeros = 0;
  Index products = 0;
  Index table_h = 0;
  Index table_w = 0;
  Index packed = 0;
  Index bytes = 0;

 private:
  constexpr Index take(Index size) {
    const Index begin = bytes;
    bytes += round_up(size, 64);
    return begin;
  }
};

extern const Entry kAmxBf16;

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TILES_H_
