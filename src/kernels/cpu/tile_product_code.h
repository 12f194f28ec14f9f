// The code of tile_product.h, written once for AMX and for its emulation, which tests run anywhere.
// Internal linkage, as in simd.h.
//
// Tiles T are those of core/amx_tiles.h or have the same members. Numbers D say what products are:
//   Sum, float or int32, and dot<sum, x, y>() of tiles.
#ifndef LASSO_KERNELS_CPU_TILE_PRODUCT_CODE_H_
#define LASSO_KERNELS_CPU_TILE_PRODUCT_CODE_H_

#include <cstring>

#include "kernels/cpu/finish_product.h"
#include "kernels/cpu/tile_product.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): internal linkage, as in simd.h

template <typename T>
struct Bf16Numbers {
  using Tiles = T;
  using Sum = float;
  template <int kSum, int kX, int kY>
  [[gnu::always_inline]] static void dot() {
    T::template dot_bf16<kSum, kX, kY>();
  }
};

template <typename T>
struct ByteNumbers {
  using Tiles = T;
  using Sum = std::int32_t;
  template <int kSum, int kX, int kY>
  [[gnu::always_inline]] static void dot() {
    T::template dot_u8s8<kSum, kX, kY>();
  }
};

// What waits is finished, and lines are asked for, in equal parts after each of `calls` steps. A
// part is eight rows, as far as they are wanted.
template <typename V, typename Sum>
class BesideTiles {
 public:
  BesideTiles(const TileWaiting& waiting, std::int64_t calls, const std::byte* ahead,
              std::int64_t ahead_bytes)
      : waiting_(waiting),
        calls_(calls),
        parts_(std::int64_t{waiting.count} * (kTileRows / kPartRows)),
        ahead_(ahead),
        lines_(ahead_bytes / kLine) {}

  [[gnu::always_inline]] void operator()() {
    debt_ += parts_;
    while (debt_ >= calls_) {
      debt_ -= calls_;
      finish_part();
    }
    line_debt_ += lines_;
    while (line_debt_ >= calls_) {
      line_debt_ -= calls_;
      __builtin_prefetch(ahead_, 0, 2);
      ahead_ += kLine;
    }
  }

 private:
  static constexpr int kPartRows = 8;
  static constexpr int kLine = 64;

  // Not inlined, since a step's own code is short.
  [[gnu::noinline]] void finish_part() {
    const TileOfRows& tile = waiting_.tiles[row_ / kTileRows];
    const int row = row_ % kTileRows;
    const int begin = tile.begin > row ? tile.begin : row;
    const int end = tile.end < row + kPartRows ? tile.end : row + kPartRows;
    if (begin < end) {
      const auto* sums = reinterpret_cast<const Sum*>(waiting_.sums) +
                         row_ / kTileRows * kTileRows * TileWaiting::kColumns;
      finish_product<V, kPartRows>(waiting_.results, sums, TileWaiting::kColumns,
                                   {begin, end, 0, waiting_.results.columns, tile.row});
    }
    row_ += kPartRows;
  }

  const TileWaiting& waiting_;
  std::int64_t calls_;
  std::int64_t parts_;
  std::int64_t debt_ = 0;
  const std::byte* ahead_;
  std::int64_t lines_;
  std::int64_t line_debt_ = 0;
  int row_ = 0;
};

// Rows of two tiles, or of one, and 32 columns.
template <typename D, int kRowTiles>
class TileSums {
  using T = typename D::Tiles;

 public:
  TileSums(const TileBlock& block, const TileOfRows* tiles)
      : b_(block), x_(tiles[0].x), below_(tiles[kRowTiles - 1].x - tiles[0].x) {}

  [[gnu::always_inline]] static void begin(const std::byte* first) {
    T::template load<0>(first, 0);
    T::template load<1>(first + kTileRowBytes, 0);
    if constexpr (kRowTiles == 2) {
      T::template load<2>(first, 0);
      T::template load<3>(first + kTileRowBytes, 0);
    }
  }

  // The steps [begin, end) of all. Loads come first: where a hyper-thread shares the tiles there
  // are few of them to rename, and products that wait for loads would hold them.
  template <typename Beside>
  [[gnu::always_inline]] void add(std::int64_t begin, std::int64_t end, const std::byte* weights,
                                  Beside& beside) const {
    std::int64_t piece = begin / b_.piece_steps;
    std::int64_t at = begin % b_.piece_steps;
    while (begin < end) {
      const std::int64_t left = b_.piece_steps - at;
      const std::int64_t count = end - begin < left ? end - begin : left;
      const std::byte* x = x_ + b_.offsets[piece] + at * b_.step_stride;
      for (std::int64_t step = 0; step < count; ++step) {
        T::template load<6>(weights, kTilePanelRow);
        T::template load<7>(weights + kTileRowBytes, kTilePanelRow);
        T::template load<4>(x, b_.row_stride);
        if constexpr (kRowTiles == 2) T::template load<5>(x + below_, b_.row_stride);
        D::template dot<0, 4, 6>();
        D::template dot<1, 4, 7>();
        if constexpr (kRowTiles == 2) {
          D::template dot<2, 5, 6>();
          D::template dot<3, 5, 7>();
        }
        beside();
        x += b_.step_stride;
        weights += kTileRows * kTilePanelRow;
      }
      begin += count;
      at = 0;
      ++piece;
    }
  }

  [[gnu::always_inline]] static void end(std::byte* sums) {
    constexpr std::int64_t kStride = std::int64_t{TileWaiting::kColumns} * 4;
    T::template store<0>(sums, kStride);
    T::template store<1>(sums + kTileRowBytes, kStride);
    if constexpr (kRowTiles == 2) {
      T::template store<2>(sums + kTileRows * kStride, kStride);
      T::template store<3>(sums + kTileRows * kStride + kTileRowBytes, kStride);
    }
  }

 private:
  const TileBlock& b_;
  const std::byte* x_;
  std::int64_t below_;
};

// The results of a panel's columns from `column` on.
inline ProductResults results_from(ProductResults r, int column) {
  const int left = r.columns - column;
  r.columns = left < TileWaiting::kColumns ? left : TileWaiting::kColumns;
  const auto shift = [column](const float*& p) { p = p != nullptr ? p + column : nullptr; };
  shift(r.scales);
  shift(r.bias);
  shift(r.output_gain);
  shift(r.residual);
  r.y = static_cast<std::byte*>(r.y) + column * static_cast<std::int64_t>(size_of(r.output));
  return r;
}

template <typename D, typename V>
void multiply_tiles(const TileBlock& b, const ProductResults& results, TileWaiting& waiting) {
  const std::int64_t steps = b.pieces * b.piece_steps;
  const std::int64_t whole = b.panel_rows / kTileRows;
  // The last step's rows, as far as there are any.
  alignas(kTileRowBytes) std::byte last[kTileRows * kTilePanelRow];
  if (whole < steps) {
    const auto bytes = static_cast<std::size_t>((b.panel_rows % kTileRows) * kTilePanelRow);
    std::memcpy(last, b.weights + whole * kTileRows * kTilePanelRow, bytes);
    std::memset(last + bytes, 0, sizeof(last) - bytes);
  }
  const std::int64_t strips = b.columns > TileWaiting::kColumns ? 2 : 1;
  const std::int64_t groups = strips * ((b.count + 1) / 2);
  if (groups == 0) return;
  const std::int64_t ahead_bytes = b.ahead_bytes / groups;
  const std::byte* ahead = b.ahead;
  for (int strip = 0; strip < strips; ++strip) {
    const std::int64_t column = std::int64_t{strip} * 2 * kTileRowBytes;  // bytes
    const ProductResults of_strip = results_from(results, strip * TileWaiting::kColumns);
    for (std::int64_t tile = 0; tile < b.count; tile += 2, ahead += ahead_bytes) {
      const TileOfRows* tiles = b.tiles + tile;
      BesideTiles<V, typename D::Sum> beside(waiting, steps, ahead, ahead_bytes);
      const auto sum = [&](const auto& sums) {
        sums.begin(static_cast<const std::byte*>(b.first) + column);
        sums.add(0, whole, b.weights + column, beside);
        if (whole < steps) sums.add(whole, steps, last + column, beside);
        sums.end(waiting.other);
      };
      const bool is_pair = tile + 1 < b.count;
      is_pair ? sum(TileSums<D, 2>(b, tiles)) : sum(TileSums<D, 1>(b, tiles));
      std::byte* sums = waiting.other;
      waiting.other = waiting.sums;
      waiting.sums = sums;
      waiting.results = of_strip;
      waiting.tiles[0] = tiles[0];
      if (is_pair) waiting.tiles[1] = tiles[1];
      waiting.count = is_pair ? 2 : 1;
    }
  }
}

template <typename D, typename V>
void finish_tiles(TileWaiting& waiting) {
  BesideTiles<V, typename D::Sum> rest(waiting, 1, nullptr, 0);
  rest();
  waiting.count = 0;
}

// write(row, step, to) fills 64 bytes.
template <typename Write>
void pack_tiles(const RowsToPack& r, const Write& write) {
  for (std::int64_t tile = 0; tile < row_tiles(r.rows); ++tile) {
    std::byte* packed = r.packed + tile * r.steps * kTileBytes;
    const std::int64_t left = r.rows - tile * kTileRows;
    const std::int64_t rows = left < kTileRows ? left : kTileRows;
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto* x = static_cast<const std::byte*>(r.x) + (tile * kTileRows + i) * r.stride;
      for (std::int64_t step = 0; step < r.steps; ++step) {
        write(x, step, packed + step * kTileBytes + i * kTileRowBytes);
      }
    }
    for (std::int64_t step = 0; rows < kTileRows && step < r.steps; ++step) {
      std::memset(packed + step * kTileBytes + rows * kTileRowBytes, 0,
                  static_cast<std::size_t>((kTileRows - rows) * kTileRowBytes));
    }
  }
}

// Numbers as they are.
template <typename Number>
void pack_numbers(const RowsToPack& r) {
  const auto bytes = r.count * static_cast<std::int64_t>(sizeof(Number));
  pack_tiles(r, [&](const std::byte* x, std::int64_t step, std::byte* to) {
    const std::int64_t begin = step * kTileRowBytes;
    if (begin + kTileRowBytes <= bytes) {
      std::memcpy(to, x + begin, kTileRowBytes);
      return;
    }
    std::memset(to, 0, kTileRowBytes);
    std::memcpy(to, x + begin, static_cast<std::size_t>(bytes - begin));
  });
}

// Of float32, rounded to bfloat16.
template <typename V>
void pack_rounded(const RowsToPack& r) {
  constexpr std::int64_t kNumbers = kTileRowBytes / 2;
  pack_tiles(r, [&](const std::byte* x, std::int64_t step, std::byte* to) {
    const float* from = reinterpret_cast<const float*>(x) + step * kNumbers;
    const std::int64_t left = r.count - step * kNumbers;
    const std::int64_t count = left < kNumbers ? left : kNumbers;
    auto* numbers = reinterpret_cast<std::uint16_t*>(to);
    if (count < kNumbers) std::memset(to, 0, kTileRowBytes);
    round_row<V>(from, count, numbers);
  });
}

template <typename T, typename V>
constexpr TileIsa bf16_tiles() {
  using D = Bf16Numbers<T>;
  return {.configure = T::configure,
          .release = T::release,
          .pack = pack_numbers<std::uint16_t>,
          .pack_rounded = pack_rounded<V>,
          .round = round_row<V>,
          .multiply = multiply_tiles<D, V>,
          .finish = finish_tiles<D, V>};
}

template <typename T, typename V>
constexpr TileIsa byte_tiles() {
  using D = ByteNumbers<T>;
  return {.configure = T::configure,
          .release = T::release,
          .pack = pack_numbers<std::uint8_t>,
          .multiply = multiply_tiles<D, V>,
          .finish = finish_tiles<D, V>,
          .quantize = quantize_vectors<V>};
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_TILE_PRODUCT_CODE_H_
