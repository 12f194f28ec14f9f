// Products on tiles of 16 rows of 64 bytes, as AMX has them: y = x W^T for rows of bfloat16
// numbers, or of bytes, by packed weights (product_bf16.h, int8_product.h). Nothing here makes
// code: files compiled for AVX-512 include it.
//
// Two numbers bound it. A product of tiles takes 16 cycles for 16 x 16 sums of 64 bytes each. Four
// of them read 4 KiB, for which the second cache, where x and the weights come from, takes 80
// cycles, not 64. Sums that go to memory and back cost more than that: they stay in the tiles until
// they are whole. What becomes of them is done by the vector units meanwhile: the 32 x 32 sums
// before, which are in the first cache, are finished beside the products of the next ones, a few
// after each step.
#ifndef LASSO_KERNELS_CPU_TILE_PRODUCT_H_
#define LASSO_KERNELS_CPU_TILE_PRODUCT_H_

#include <cstddef>
#include <cstdint>

#include "core/amx_tiles.h"
#include "kernels/cpu/product_results.h"

namespace lasso::kernels {

constexpr int kTilePanel = 64;  // columns of a panel of packed weights
// Bytes from one row of a panel's tiles to the next: those of two numbers, or four bytes, of each
// column.
constexpr std::int64_t kTilePanelRow = std::int64_t{kTilePanel} * 4;

// Steps of 64 bytes, by which the sums go, that so many bytes of a row take.
constexpr std::int64_t tile_steps(std::int64_t bytes) {
  return (bytes + kTileRowBytes - 1) / kTileRowBytes;
}
constexpr std::int64_t row_tiles(std::int64_t rows) { return (rows + kTileRows - 1) / kTileRows; }

// 16 rows of x, and what of them is wanted: the rows [begin, end), where `row` is the place of the
// first of the 16 among the results' rows.
struct TileOfRows {
  const std::byte* x = nullptr;
  std::int64_t row = 0;
  int begin = 0;
  int end = kTileRows;
};

// Rows of x by one panel. Of each tile of rows, steps of 64 bytes lie in `pieces` of so many steps
// each, which begin so many bytes from where the tile does.
struct TileBlock {
  const TileOfRows* tiles = nullptr;
  std::int64_t count = 0;
  std::int64_t row_stride = 0;   // bytes from a row to the next
  std::int64_t step_stride = 0;  // from a step to the next
  std::int64_t pieces = 1;
  const std::int64_t* offsets = &kWholeRow;
  std::int64_t piece_steps = 0;
  int columns = 0;                     // of the panel that exist
  const std::byte* weights = nullptr;  // [panel_rows][64 columns][4 bytes]
  std::int64_t panel_rows = 0;         // of all steps' 16; of the last step some may be missing
  const void* first = nullptr;         // [64]: what the sums begin with, float32 or int32
  // What to ask for meanwhile: the next panel.
  const std::byte* ahead = nullptr;
  std::int64_t ahead_bytes = 0;

  static constexpr std::int64_t kWholeRow = 0;
};

// Sums of two tiles of rows, or one, and up to 32 columns that wait to be finished. y, the residual
// and the scales of rows are those of row 0, y and the numbers of columns those of the first of the
// columns; `rows` has no meaning.
struct TileWaiting {
  static constexpr int kColumns = 2 * kTileRows;
  static constexpr std::int64_t kBytes = std::int64_t{2} * kTileRows * kColumns * 4;  // of sums

  ProductResults results;
  TileOfRows tiles[2];
  int count = 0;               // of tiles; 0: nothing waits
  std::byte* sums = nullptr;   // [2][16][32]
  std::byte* other = nullptr;  // for the next ones
};

// Rows of x that become one tile after the other.
struct RowsToPack {
  const void* x = nullptr;
  std::int64_t stride = 0;  // bytes
  std::int64_t rows = 0;
  std::int64_t count = 0;  // numbers of a row
  std::int64_t steps = 0;
  std::byte* packed = nullptr;  // [row_tiles][steps][16][64 bytes], filled up with zeros
};

// What a unit of tiles offers for one type of numbers. Products are for a thread between
// configure() and release().
struct TileIsa {
  void (*configure)() = nullptr;
  void (*release)() = nullptr;
  // Rows of the type itself, and of float32 ones that are rounded to it (null for bytes).
  void (*pack)(const RowsToPack& rows) = nullptr;
  void (*pack_rounded)(const RowsToPack& rows) = nullptr;
  // float32 numbers to bfloat16; null for bytes.
  void (*round)(const float* x, std::int64_t count, std::uint16_t* y) = nullptr;
  // Computes the block's sums, and finishes what waits beside them; the last sums wait then. What
  // `results` says is for the panel's first column and for row 0.
  void (*multiply)(const TileBlock& block, const ProductResults& results,
                   TileWaiting& waiting) = nullptr;
  void (*finish)(TileWaiting& waiting) = nullptr;
  // quant::quantize_row(); null for bfloat16.
  float (*quantize)(const float* x, std::int64_t count, std::uint8_t* q) = nullptr;
};
extern const TileIsa kAmxBf16;
extern const TileIsa kAmxInt8;

// The tiles of this thread for as long as the object lives.
class TileScope {
 public:
  explicit TileScope(const TileIsa& isa) : isa_(isa) { isa_.configure(); }
  ~TileScope() { isa_.release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;

 private:
  const TileIsa& isa_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_TILE_PRODUCT_H_
