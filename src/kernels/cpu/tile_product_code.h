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

// Steps whose weights, 4 KiB each, stay in the first cache.
inline constexpr std::int64_t kStepsTogether = 8;

// Results that are finished, and lines that are asked for, in equal parts after each of `calls`
// steps. A part is half a tile's rows, as far as they are wanted, of 16 columns.
template <typename V, typename Sum>
class BesideTiles {
 public:
  BesideTiles(const TileResults& results, const TileBlock& block, std::int64_t calls)
      : results_(results),
        calls_(calls),
        parts_(2 * results.count * ((results.columns + kPartColumns - 1) / kPartColumns)),
        ahead_(block.ahead),
        lines_(block.ahead_bytes / kLine) {}

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
  static constexpr int kPartRows = kTileRows / 2;
  static constexpr int kPartColumns = 16;
  static constexpr int kLine = 64;

  // Not inlined, since a step's own code is short.
  [[gnu::noinline]] void finish_part() {
    const TileOfRows& tile = results_.tiles[tile_];
    const int begin = tile.begin > row_ ? tile.begin : row_;
    const int end = tile.end < row_ + kPartRows ? tile.end : row_ + kPartRows;
    const int column_end =
        results_.columns - column_ < kPartColumns ? results_.columns : column_ + kPartColumns;
    if (begin < end) {
      const auto* sums = reinterpret_cast<const Sum*>(results_.sums) +
                         tile_ * kTileRows * std::int64_t{kTilePanel};
      finish_product<V, kPartRows>(results_, sums, kTilePanel,
                                   {begin, end, column_, column_end, tile.row});
    }
    column_ = column_end;
    if (column_ < results_.columns) return;
    column_ = 0;
    row_ = kPartRows - row_;
    if (row_ == 0) ++tile_;
  }

  const TileResults& results_;
  std::int64_t calls_;
  std::int64_t parts_;
  std::int64_t debt_ = 0;
  const std::byte* ahead_;
  std::int64_t lines_;
  std::int64_t line_debt_ = 0;
  std::int64_t tile_ = 0;
  int row_ = 0;
  int column_ = 0;
};

// Where in a tile's rows a sum goes on.
struct TileCursor {
  std::int64_t piece = 0;
  std::int64_t step = 0;
};

// Sums of one or two tiles of rows and 32 columns over `steps` from the cursor on, whose beginning
// `first` has rows first_stride bytes apart.
template <typename D, int kRowTiles, typename Beside>
[[gnu::always_inline]] inline void sum_tiles(const TileBlock& b, const TileOfRows* tiles,
                                             TileCursor at, std::int64_t steps,
                                             const std::byte* weights, const std::byte* first,
                                             std::int64_t first_stride, std::byte* sums,
                                             Beside& beside) {
  using T = typename D::Tiles;
  constexpr std::int64_t kStride = kTilePanelRow;
  T::template load<0>(first, first_stride);
  T::template load<1>(first + kTileRowBytes, first_stride);
  if constexpr (kRowTiles == 2) {
    T::template load<2>(first + kTileRows * first_stride, first_stride);
    T::template load<3>(first + kTileRows * first_stride + kTileRowBytes, first_stride);
  }
  const std::int64_t below = tiles[kRowTiles - 1].x - tiles[0].x;
  while (steps > 0) {
    const std::int64_t left = b.piece_steps - at.step;
    const std::int64_t count = steps < left ? steps : left;
    const std::byte* x = tiles[0].x + b.offsets[at.piece] + at.step * b.step_stride;
    for (std::int64_t step = 0; step < count; ++step) {
      T::template load<6>(weights, kStride);
      T::template load<4>(x, b.row_stride);
      D::template dot<0, 4, 6>();
      T::template load<7>(weights + kTileRowBytes, kStride);
      D::template dot<1, 4, 7>();
      if constexpr (kRowTiles == 2) {
        T::template load<5>(x + below, b.row_stride);
        D::template dot<2, 5, 6>();
        D::template dot<3, 5, 7>();
      }
      beside();
      x += b.step_stride;
      weights += kTileRows * kStride;
    }
    steps -= count;
    at = {at.piece + 1, 0};
  }
  T::template store<0>(sums, kStride);
  T::template store<1>(sums + kTileRowBytes, kStride);
  if constexpr (kRowTiles == 2) {
    T::template store<2>(sums + kTileRows * kStride, kStride);
    T::template store<3>(sums + kTileRows * kStride + kTileRowBytes, kStride);
  }
}

// Part of the sums: `steps` of them from `begin` on.
template <typename D, typename Beside>
void sum_steps(const TileBlock& b, std::int64_t begin, std::int64_t steps, const std::byte* weights,
               Beside& beside) {
  const TileCursor at{begin / b.piece_steps, begin % b.piece_steps};
  const std::int64_t strips = b.columns > kTilePanel / 2 ? 2 : 1;
  for (std::int64_t tile = 0; tile < b.count; tile += 2) {
    for (std::int64_t strip = 0; strip < strips; ++strip) {
      const std::int64_t column = strip * 2 * kTileRowBytes;
      std::byte* sums = b.sums + tile * kTileRows * kTilePanelRow + column;
      const bool is_first = begin == 0;
      const std::byte* first = is_first ? static_cast<const std::byte*>(b.first) + column : sums;
      const std::int64_t first_stride = is_first ? 0 : kTilePanelRow;
      if (tile + 1 < b.count) {
        sum_tiles<D, 2>(b, b.tiles + tile, at, steps, weights + column, first, first_stride, sums,
                        beside);
      } else {
        sum_tiles<D, 1>(b, b.tiles + tile, at, steps, weights + column, first, first_stride, sums,
                        beside);
      }
    }
  }
}

template <typename D, typename V>
void finish_tiles(const TileResults& t) {
  for (std::int64_t i = 0; i < t.count; ++i) {
    const TileOfRows& tile = t.tiles[i];
    const auto* sums =
        reinterpret_cast<const typename D::Sum*>(t.sums) + i * kTileRows * std::int64_t{kTilePanel};
    finish_product<V>(t, sums, kTilePanel, {tile.begin, tile.end, 0, t.columns, tile.row});
  }
}

template <typename D, typename V>
void multiply_tiles(const TileBlock& b, const TileResults& results) {
  const std::int64_t strips = b.columns > kTilePanel / 2 ? 2 : 1;
  const std::int64_t steps = b.pieces * b.piece_steps;
  BesideTiles<V, typename D::Sum> beside(results, b, (b.count + 1) / 2 * strips * steps);
  const std::int64_t whole = b.panel_rows / kTileRows;
  const std::int64_t parts = (whole + kStepsTogether - 1) / kStepsTogether;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = whole * part / parts;
    sum_steps<D>(b, begin, whole * (part + 1) / parts - begin,
                 b.weights + begin * kTileRows * kTilePanelRow, beside);
  }
  if (whole == steps) return;
  // The last step's rows, as far as there are any.
  alignas(kTileRowBytes) std::byte last[kTileRows * kTilePanelRow] = {};
  const std::int64_t rows = b.panel_rows - whole * kTileRows;
  std::memcpy(last, b.weights + whole * kTileRows * kTilePanelRow,
              static_cast<std::size_t>(rows * kTilePanelRow));
  sum_steps<D>(b, whole, 1, last, beside);
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
