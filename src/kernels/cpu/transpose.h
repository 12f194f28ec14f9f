// The transpose of small blocks of 32-bit elements, in registers. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_CPU_TRANSPOSE_H_
#define LASSO_KERNELS_CPU_TRANSPOSE_H_

#include <immintrin.h>

#include <cstdint>

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// x[j][i] = x[i][j] for i, j < 8: blocks of 4 x 4 in each half, then the halves.
inline void transpose_8x8(__m256 (&x)[8]) {
  __m256 a[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    x[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    x[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xEE);
    x[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    x[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256 low = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
    x[i] = low;
  }
}

// out[j * out_stride + i] = in[i * in_stride + j] for i, j < 8.
inline void transpose_8x8(const float* in, std::int64_t in_stride, float* out,
                          std::int64_t out_stride) {
  __m256 rows[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) rows[i] = _mm256_loadu_ps(in + i * in_stride);
  transpose_8x8(rows);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out + i * out_stride, rows[i]);
}

// x[j][i] = x[i][j] for i, j < 4 in each half.
inline void transpose_4x4_halves(__m256 (&x)[4]) {
  const __m256 a = _mm256_unpacklo_ps(x[0], x[1]);
  const __m256 b = _mm256_unpackhi_ps(x[0], x[1]);
  const __m256 c = _mm256_unpacklo_ps(x[2], x[3]);
  const __m256 d = _mm256_unpackhi_ps(x[2], x[3]);
  x[0] = _mm256_shuffle_ps(a, c, 0x44);
  x[1] = _mm256_shuffle_ps(a, c, 0xEE);
  x[2] = _mm256_shuffle_ps(b, d, 0x44);
  x[3] = _mm256_shuffle_ps(b, d, 0xEE);
}

// Of 8 rows 3 or 4 columns; of 3 the element behind each row is read as well.
inline void transpose_8_rows(const float* in, std::int64_t in_stride, std::int64_t columns,
                             float* out, std::int64_t out_stride) {
  __m256 x[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(in + i * in_stride)),
                                _mm_loadu_ps(in + (i + 4) * in_stride), 1);
  }
  transpose_4x4_halves(x);
  for (int j = 0; j < columns; ++j) _mm256_storeu_ps(out + j * out_stride, x[j]);
}

// Of 3 or 4 rows 8 columns.
inline void transpose_8_columns(const float* in, std::int64_t in_stride, std::int64_t rows,
                                float* out, std::int64_t out_stride) {
  __m256 x[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                 _mm256_setzero_ps()};
  for (int i = 0; i < rows; ++i) x[i] = _mm256_loadu_ps(in + i * in_stride);
  transpose_4x4_halves(x);
  const auto store = [&](std::int64_t column, __m128 elements) {
    float* to = out + column * out_stride;
    if (rows == 4) return _mm_storeu_ps(to, elements);
    _mm_storel_pi(reinterpret_cast<__m64*>(to), elements);
    _mm_store_ss(to + 2, _mm_movehl_ps(elements, elements));
  };
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    store(j, _mm256_castps256_ps128(x[j]));
    store(j + 4, _mm256_extractf128_ps(x[j], 1));
  }
}

// The same for any number of rows and columns. Of few, such as an image's channels, 3 and 4 have
// blocks of their own.
inline void transpose_block(const float* in, std::int64_t in_stride, std::int64_t rows,
                            std::int64_t columns, float* out, std::int64_t out_stride) {
  const auto elements = [&](std::int64_t row, std::int64_t column) {
    for (std::int64_t j = column; j < columns; ++j)
      out[j * out_stride + row] = in[row * in_stride + j];
  };
  std::int64_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    std::int64_t j = 0;
    for (; j + 8 <= columns; j += 8) {
      transpose_8x8(in + i * in_stride + j, in_stride, out + j * out_stride + i, out_stride);
    }
    // What stands behind three columns is there unless the rows end here.
    const std::int64_t left = columns - j;
    if (left == 4 || (left == 3 && i + 8 < rows)) {
      transpose_8_rows(in + i * in_stride + j, in_stride, left, out + j * out_stride + i,
                       out_stride);
      continue;
    }
    for (std::int64_t r = i; r < i + 8; ++r) elements(r, j);
  }
  const std::int64_t left = rows - i;
  std::int64_t j = 0;
  if (left == 3 || left == 4) {
    for (; j + 8 <= columns; j += 8) {
      transpose_8_columns(in + i * in_stride + j, in_stride, left, out + j * out_stride + i,
                          out_stride);
    }
  }
  for (; i < rows; ++i) elements(i, j);
}

#ifdef __AVX512F__

// x[j][i] = x[i][j] for i, j < 16. In pairs of rows, then of pairs: after the two steps with
// unpack, x[4 i + j] has in each lane of 128 bits the transposed 4 x 4 block; the two shuffles then
// transpose the blocks.
inline void transpose_16x16(__m512 (&x)[16]) {
  const auto pair_low = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  const auto pair_high = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  __m512 a[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    x[i] = pair_low(a[i], a[i + 2]);
    x[i + 1] = pair_high(a[i], a[i + 2]);
    x[i + 2] = pair_low(a[i + 1], a[i + 3]);
    x[i + 3] = pair_high(a[i + 1], a[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 even_low = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xDD);
    const __m512 even_high = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xDD);
    x[i] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    x[i + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    x[i + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
    x[i + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
  }
}

#endif  // __AVX512F__

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_TRANSPOSE_H_
