// The tiles of core/amx_tiles.h in plain code, so that what is written over them is tested on any
// CPU and under sanitizers.
#ifndef LASSO_KERNELS_CPU_EMULATED_TILES_H_
#define LASSO_KERNELS_CPU_EMULATED_TILES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/amx_tiles.h"
#include "core/dtype.h"

namespace lasso::kernels {

struct EmulatedTiles {
  static void configure() { std::memset(state.tiles, 0, sizeof(state.tiles)); }
  // What is left there is no number.
  static void release() { std::memset(state.tiles, 0xFF, sizeof(state.tiles)); }

  template <int kTile>
  static void load(const void* from, std::int64_t stride) {
    for (int i = 0; i < kTileRows; ++i) {
      std::memcpy(row(kTile, i), static_cast<const std::byte*>(from) + i * stride, kTileRowBytes);
    }
  }
  template <int kTile>
  static void store(void* to, std::int64_t stride) {
    for (int i = 0; i < kTileRows; ++i) {
      std::memcpy(static_cast<std::byte*>(to) + i * stride, row(kTile, i), kTileRowBytes);
    }
  }
  template <int kSum, int kX, int kY>
  static void dot_bf16() {
    dot<kSum, kX, kY, float, std::uint16_t, std::uint16_t>(bf16_to_f32, bf16_to_f32);
  }
  template <int kSum, int kX, int kY>
  static void dot_u8s8() {
    const auto whole = [](auto byte) { return static_cast<std::int32_t>(byte); };
    dot<kSum, kX, kY, std::int32_t, std::uint8_t, std::int8_t>(whole, whole);
  }

 private:
  struct State {
    alignas(64) std::byte tiles[8][kTileBytes];
  };
  inline static thread_local State state;

  static std::byte* row(int tile, int i) { return state.tiles[tile] + i * kTileRowBytes; }

  template <int kSum, int kX, int kY, typename Sum, typename X, typename Y, typename OfX,
            typename OfY>
  static void dot(const OfX& of_x, const OfY& of_y) {
    constexpr int kGroup = 4 / sizeof(X);
    for (int i = 0; i < kTileRows; ++i) {
      Sum sums[kTileRows];
      X x[kTileRowBytes / sizeof(X)];
      std::memcpy(sums, row(kSum, i), sizeof(sums));
      std::memcpy(x, row(kX, i), sizeof(x));
      for (int k = 0; k < kTileRows; ++k) {
        Y y[kTileRows][kGroup];
        std::memcpy(y, row(kY, k), sizeof(y));
        for (int j = 0; j < kTileRows; ++j) {
          for (int g = 0; g < kGroup; ++g) sums[j] += of_x(x[k * kGroup + g]) * of_y(y[j][g]);
        }
      }
      std::memcpy(row(kSum, i), sums, sizeof(sums));
    }
  }
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_EMULATED_TILES_H_
