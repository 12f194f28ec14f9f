// Products on tiles, one after the other, of which each finishes the results of the one before.
#ifndef LASSO_KERNELS_CPU_TILE_SEQUENCE_H_
#define LASSO_KERNELS_CPU_TILE_SEQUENCE_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/tile_product.h"

namespace lasso::kernels {

// Packed weights W [n, k], by panels of 64 columns.
struct TilePanels {
  int columns(std::int64_t panel) const {
    const std::int64_t left = n - panel * kTilePanel;
    return static_cast<int>(left < kTilePanel ? left : kTilePanel);
  }
  const std::byte* at(std::int64_t panel) const { return weights + panel * rows * kTilePanelRow; }
  // The block's weights, and those of the panel that is asked for meanwhile.
  void place(std::int64_t panel, std::int64_t next, TileBlock& block) const {
    block.columns = columns(panel);
    block.weights = at(panel);
    block.panel_rows = rows;
    block.ahead = at(next);
    block.ahead_bytes = rows * kTilePanelRow;
  }

  const std::byte* weights = nullptr;
  std::int64_t n = 0;
  std::int64_t rows = 0;  // of a panel
};

// Of one thread. Its memory has the list of a block's rows, and the sums that wait.
class TileSequence {
 public:
  static std::int64_t bytes(std::int64_t most_tiles) {
    return list_bytes(most_tiles) + 2 * TileWaiting::kBytes;
  }

  TileSequence(const TileIsa& isa, std::int64_t most_tiles, std::byte* memory)
      : isa_(isa), rows_(reinterpret_cast<TileOfRows*>(memory)) {
    waiting_.sums = memory + list_bytes(most_tiles);
    waiting_.other = waiting_.sums + TileWaiting::kBytes;
  }

  // The list of the next block's rows, for the caller to fill.
  TileOfRows* rows() { return rows_; }

  // `count` tiles of the list by a panel. What the block points to is read now, what the results
  // point to until the next product has run, or finish().
  void multiply(TileBlock block, std::int64_t count, const ProductResults& results) {
    block.tiles = rows_;
    block.count = count;
    isa_.multiply(block, results, waiting_);
  }

  void finish() { isa_.finish(waiting_); }

 private:
  static std::int64_t list_bytes(std::int64_t tiles) {
    const std::int64_t bytes = tiles * static_cast<std::int64_t>(sizeof(TileOfRows));
    return (bytes + kTileRowBytes - 1) / kTileRowBytes * kTileRowBytes;
  }

  const TileIsa& isa_;
  TileOfRows* rows_;
  TileWaiting waiting_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_TILE_SEQUENCE_H_
