// AMX: eight tile registers of 16 rows of 64 bytes, and products of them. Instructions as text, so
// that any file may have them; who runs them has asked cpu_features().
#ifndef LASSO_CORE_AMX_TILES_H_
#define LASSO_CORE_AMX_TILES_H_

#include <cstddef>
#include <cstdint>

namespace lasso {

inline constexpr int kTileRows = 16;
inline constexpr int kTileRowBytes = 64;
inline constexpr int kTileBytes = kTileRows * kTileRowBytes;

struct AmxTiles {
  // The thread's tiles become whole ones, all zero.
  static void configure() {
    // Intel's format of 64 bytes: palette, first row, reserved; the bytes of a row of each tile;
    // the rows of each.
    struct alignas(64) Configuration {
      std::uint8_t palette = 1;
      std::uint8_t start_row = 0;
      std::uint8_t reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } configuration;
    static_assert(sizeof(Configuration) == 64);
    for (int i = 0; i < 8; ++i) {
      configuration.row_bytes[i] = kTileRowBytes;
      configuration.rows[i] = kTileRows;
    }
    asm volatile("ldtilecfg %0" : : "m"(configuration));
  }
  // Gives them back: the operating system saves those of a thread that has some in use.
  static void release() { asm volatile("tilerelease" : : : "memory"); }

  // Rows that begin `stride` bytes apart; 0: all are the first.
  template <int kTile>
  [[gnu::always_inline]] static void load(const void* from, std::int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  [[gnu::always_inline]] static void store(void* to, std::int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  // sum[i, j] += x[i, 2 k] y[k, j, 0] + x[i, 2 k + 1] y[k, j, 1] over k < 16, of bfloat16 numbers
  // and float32 sums; x is a tile of [16, 32], y of [16, 16, 2].
  template <int kSum, int kX, int kY>
  [[gnu::always_inline]] static void dot_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kX), "i"(kY));
  }
  // The same of bytes, unsigned in x [16, 64] and signed in y [16, 16, 4], and int32 sums.
  template <int kSum, int kX, int kY>
  [[gnu::always_inline]] static void dot_u8s8() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kX), "i"(kY));
  }
};

}  // namespace lasso

#endif  // LASSO_CORE_AMX_TILES_H_
