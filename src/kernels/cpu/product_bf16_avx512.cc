// Twelve rows and two vectors: 24 accumulators of 32 registers.
#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/product_bf16_isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/transpose.h"
#include "kernels/cpu/vector_math.h"

namespace lasso::kernels::bf16 {

namespace {

using graph::Activation;

constexpr int kWidth = 16;

__m512bh as_pairs(__m512 x) { return reinterpret_cast<__m512bh&>(x); }

void pack_rows(const std::uint16_t* x, int rows, std::int64_t k, std::uint16_t* out) {
  for (std::int64_t begin = 0; begin < k; begin += 2 * kWidth) {
    const std::int64_t count = k - begin < 2 * kWidth ? k - begin : 2 * kWidth;
    const auto mask = static_cast<__mmask32>((std::uint64_t{1} << count) - 1);
    __m512 block[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      block[r] = r < rows ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, x + r * k + begin))
                          : _mm512_setzero_ps();
    }
    transpose_16x16(block);
    const __mmask16 lanes = Avx512::first(rows);
    const auto pairs = static_cast<int>((count + 1) / 2);
    auto* to = reinterpret_cast<float*>(out + begin * rows);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      if (i < pairs) _mm512_mask_storeu_ps(to + i * rows, lanes, block[i]);
    }
  }
}

void round(const float* x, std::int64_t count, std::uint16_t* out) {
  std::int64_t i = 0;
  for (; i + 2 * kWidth <= count; i += 2 * kWidth) {
    const __m512bh rounded = _mm512_cvtne2ps_pbh(Avx512::load(x + i + kWidth), Avx512::load(x + i));
    _mm512_storeu_si512(out + i, reinterpret_cast<const __m512i&>(rounded));
  }
  for (; i < count; i += kWidth) {
    const __mmask16 mask = Avx512::first(count - i);
    const __m256bh rounded = _mm512_cvtneps_pbh(Avx512::load(x + i, mask));
    _mm256_mask_storeu_epi16(out + i, mask, reinterpret_cast<const __m256i&>(rounded));
  }
}

template <Activation kActivation, bool kBf16Output, int kCount>
void activate(__m512 (&y)[kCount]) {
  if constexpr (kBf16Output && kActivation == Activation::kSilu) {
    vector_silu_narrow<Avx512>(y);
  } else {
    for (__m512& x : y) {
      x = kBf16Output && kActivation == Activation::kGelu ? vector_gelu_half<Avx512>(x)
                                                          : vector_activate<Avx512, kActivation>(x);
    }
  }
}

// y = activation(sums + b) + r for the tile's rows and the columns from `column` on; `sums` has
// rows of kPanel.
template <Activation kActivation, bool kBf16Output>
void finish(const Tile& t, const float* sums, int column, int vectors) {
  constexpr int kTogether = 6;  // rows, of which the last one stands for those beyond
  for (int v = 0; v < vectors; ++v) {
    const int c = column + v * kWidth;
    if (c >= t.columns) return;
    const __mmask16 mask = Avx512::first(t.columns - c);
    const __m512 bias = Avx512::load(t.bias + c);
    for (int first = 0; first < t.rows; first += kTogether) {
      int rows[kTogether];
      __m512 y[kTogether];
#pragma GCC unroll 8
      for (int i = 0; i < kTogether; ++i) {
        rows[i] = first + i < t.rows ? first + i : t.rows - 1;
        y[i] = Avx512::add(Avx512::load(sums + rows[i] * kPanel + c), bias);
      }
      activate<kActivation, kBf16Output>(y);
      for (int i = 0; t.has_residual && i < kTogether; ++i) {
        y[i] = Avx512::add(y[i], Avx512::load(t.residual[rows[i]] + c, mask));
      }
#pragma GCC unroll 8
      for (int i = 0; i < kTogether; ++i) {
        if constexpr (kBf16Output) {
          const __m256bh rounded = _mm512_cvtneps_pbh(y[i]);
          _mm256_mask_storeu_epi16(static_cast<std::uint16_t*>(t.y[rows[i]]) + c, mask,
                                   reinterpret_cast<const __m256i&>(rounded));
        } else {
          Avx512::store(static_cast<float*>(t.y[rows[i]]) + c, mask, y[i]);
        }
      }
    }
  }
}

template <Activation kActivation>
void finish(const Tile& t, const float* sums, int column, int vectors) {
  if (t.bf16_output) {
    finish<kActivation, true>(t, sums, column, vectors);
  } else {
    finish<kActivation, false>(t, sums, column, vectors);
  }
}

void finish(const Tile& t, const float* sums, int column, int vectors) {
  switch (t.activation) {
    case Activation::kNone:
      return finish<Activation::kNone>(t, sums, column, vectors);
    case Activation::kGelu:
      return finish<Activation::kGelu>(t, sums, column, vectors);
    case Activation::kRelu:
      return finish<Activation::kRelu>(t, sums, column, vectors);
    case Activation::kSigmoid:
      return finish<Activation::kSigmoid>(t, sums, column, vectors);
    case Activation::kSilu:
      return finish<Activation::kSilu>(t, sums, column, vectors);
    case Activation::kLeakyRelu:
      return finish<Activation::kLeakyRelu>(t, sums, column, vectors);
  }
}

// Asks for `shares` of as many parts of what lies ahead as the tile has elements of y: all at once
// would be more than the caches can wait for beside the sums. Inlined by force: GCC 12 takes a
// function that only prefetches for one without effects, and drops calls.
[[gnu::always_inline]] inline void prefetch(const Tile& t, std::int64_t first,
                                            std::int64_t shares) {
  const std::int64_t all = t.rows * kPanel;
  const std::int64_t end = t.ahead_size * (first + shares) / all;
  constexpr std::int64_t kLine = 32;
  for (std::int64_t i = t.ahead_size * first / all; i < end; i += kLine) {
    __builtin_prefetch(t.ahead + i, 0, 2);
  }
}

// The sums of kRows rows and kVectors vectors of columns stay in registers over the whole of k.
template <int kRows, int kVectors>
void sum_tile(const Tile& t, float* sums, int column) {
  __m512 acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[r][v] = Avx512::zero();
  }
  const auto* a = reinterpret_cast<const float*>(t.a);
  const auto* w = reinterpret_cast<const float*>(t.weights) + column;
  for (int part = 0; part < kRows; ++part) {
    prefetch(t, part * kPanel + column, kVectors * kWidth);
    const float* end = a + (t.pairs * (part + 1) / kRows - t.pairs * part / kRows) * kRows;
    for (; a < end; a += kRows, w += kPanel) {
      __m512bh b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b[v] = as_pairs(Avx512::load(w + v * kWidth));
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const __m512bh x = as_pairs(Avx512::set1(a[r]));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x, b[v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      Avx512::store(sums + r * kPanel + column + v * kWidth, acc[r][v]);
    }
  }
}

// The tile in strips as wide as registers allow for kRows rows: an accumulator for each vector of
// the strip, W's vectors and one of A.
template <int kRows>
void run_rows(const Tile& t) {
  alignas(64) float sums[kRows * kPanel];
  const int bytes = t.columns * (t.bf16_output ? 2 : 4);
  for (int r = 0; r < kRows; ++r) {
    const auto* y = static_cast<const std::byte*>(t.y[r]);
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch(y + i, 1);
    for (int c = 0; t.has_residual && c < t.columns; c += 16) __builtin_prefetch(t.residual[r] + c);
  }
  constexpr int kWide = kRows <= 6 ? 4 : 2;
  int column = 0;
  for (; t.columns - column > (kWide / 2) * kWidth; column += kWide * kWidth) {
    sum_tile<kRows, kWide>(t, sums, column);
    finish(t, sums, column, kWide);
  }
  for (; column < t.columns; column += kWidth) {
    sum_tile<kRows, 1>(t, sums, column);
    finish(t, sums, column, 1);
  }
}

template <int kRows>
void run_up_to(const Tile& t) {
  if (t.rows == kRows) {
    run_rows<kRows>(t);
  } else if constexpr (kRows > 1) {
    run_up_to<kRows - 1>(t);
  }
}

template <int kRows>
void run_windows(const WindowTile& t) {
  if (t.tile.rows != kRows) {
    if constexpr (kRows > 1) run_windows<kRows - 1>(t);
    return;
  }
  constexpr int kVectors = kWindowStrip / kWidth;
  __m512 acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[r][v] = Avx512::zero();
  }
  // A pointer for three rows: more would not fit into the registers.
  constexpr int kPointers = (kRows + 2) / 3;
  const std::uint16_t* x[kPointers];
#pragma GCC unroll 4
  for (int i = 0; i < kPointers; ++i) x[i] = t.x + 3 * i * t.stride;
  const std::int64_t stride = t.stride;
  const auto* w = reinterpret_cast<const float*>(t.tile.weights);
  for (int piece = 0; piece < t.pieces; ++piece) {
    const std::int64_t begin = t.offsets[piece];
    const std::int64_t end = begin + 2 * t.pairs;
    for (std::int64_t k = begin; k < end; k += 2, w += kPanel) {
      __m512bh b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b[v] = as_pairs(Avx512::load(w + v * kWidth));
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        std::int32_t two = 0;
        std::memcpy(&two, x[r / 3] + (r % 3) * stride + k, sizeof(two));
        const __m512bh pair = as_pairs(_mm512_castsi512_ps(_mm512_set1_epi32(two)));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], pair, b[v]);
      }
    }
  }
  alignas(64) float sums[kRows * kPanel];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) Avx512::store(sums + r * kPanel + v * kWidth, acc[r][v]);
  }
  finish(t.tile, sums, 0, kVectors);
}

}  // namespace

const Entry kAvx512Bf16{pack_rows, round, run_up_to<kMaxTileRows>, run_windows<kMaxTileRows>};

}  // namespace lasso::kernels::bf16
