// Products on tiles, one after the other, of which each finishes the results of the one before.
#ifndef LASSO_KERNELS_CPU_TILE_SEQUENCE_H_
#define LASSO_KERNELS_CPU_TILE_SEQUENCE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

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

// Of one thread. Its memory has the lists of rows of two blocks, since results of the one wait
// while the next one begins, and the sums of two panels.
class TileSequence {
 public:
  static std::int64_t bytes(std::int64_t most_tiles) {
    return 2 * (list_bytes(most_tiles) + sum_bytes(most_tiles));
  }

  TileSequence(const TileIsa& isa, std::int64_t most_tiles, std::byte* memory)
      : isa_(isa),
        lists_{reinterpret_cast<TileOfRows*>(memory),
               reinterpret_cast<TileOfRows*>(memory + list_bytes(most_tiles))},
        sums_{memory + 2 * list_bytes(most_tiles),
              memory + 2 * list_bytes(most_tiles) + sum_bytes(most_tiles)} {}

  // The list of the next block's rows, for the caller to fill; that of the block before stays.
  TileOfRows* next_rows() {
    std::swap(lists_[0], lists_[1]);
    return lists_[0];
  }

  // `count` tiles of the list by a panel. What the block points to is read now, what the results
  // do when the next product runs, or at finish().
  void multiply(TileBlock block, std::int64_t count, TileResults results) {
    block.tiles = results.tiles = lists_[0];
    block.count = results.count = count;
    block.sums = sums_[0];
    results.sums = sums_[0];
    isa_.multiply(block, waiting_);
    waiting_ = results;
    std::swap(sums_[0], sums_[1]);
  }

  void finish() {
    if (waiting_.count > 0) isa_.finish(waiting_);
    waiting_.count = 0;
  }

 private:
  static std::int64_t list_bytes(std::int64_t tiles) {
    const std::int64_t bytes = tiles * static_cast<std::int64_t>(sizeof(TileOfRows));
    return (bytes + kTileRowBytes - 1) / kTileRowBytes * kTileRowBytes;
  }
  static std::int64_t sum_bytes(std::int64_t tiles) { return tiles * kTileRows * kTilePanelRow; }

  const TileIsa& isa_;
  TileOfRows* lists_[2];
  std::byte* sums_[2];
  TileResults waiting_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_TILE_SEQUENCE_H_
