// What attention in bfloat16 does to vectors: exponentials as exact as its numbers are, and float32
// numbers cut off to words of two. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_HALVES_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_HALVES_H_

#include <immintrin.h>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/transpose.h"

namespace lasso::kernels::streaming {

namespace {  // NOLINT(google-build-namespaces): see above

// 2^x for x up to 127, and 2^127 beyond; 2^-126 below that. 2^r for |r| <= 1/2 is a minimax
// polynomial (relative error 7.5e-5). NaN stays NaN.
inline __m256 short_exp2(__m256 x) {
  using V = Avx2;
  x = V::max(V::set1(-126.0F), V::min(V::set1(127.0F), x));
  const __m256 n = V::round(x);
  const __m256 r = V::sub(x, n);
  __m256 p = V::fma(V::set1(0.0551716649302992F), r, V::set1(0.24261112187715417F));
  p = V::fma(p, r, V::set1(0.693260986222539F));
  p = V::fma(p, r, V::set1(0.9999280735783096F));
  return V::mul(p, V::exp2_integer(n));
}

inline __m256 upper_halves(__m256 x) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xFFFF0000U))));
}

// Words of the upper halves: `even`'s below, `odd`'s above.
inline __m256 cut_off(__m256 even, __m256 odd) {
  const __m256i low = _mm256_srli_epi32(_mm256_castps_si256(even), 16);
  return _mm256_or_ps(_mm256_castsi256_ps(low), upper_halves(odd));
}

// 16 rows of 16 words, transposed.
template <typename V>
void transpose_words(const float* const (&rows)[16], float* out) {
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 16; j += 8) {
      __m256 x[8];
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) x[r] = _mm256_loadu_ps(rows[i + r] + j);
      transpose_8x8(x);
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) _mm256_storeu_ps(out + (j + r) * 16 + i, x[r]);
    }
  }
}

#ifdef __AVX512F__

// 2^x = 2^floor(x) 2^r with 0 <= r < 1. The polynomial is the minimax one of degree 3, its relative
// error 7.5e-5. Below 2^-149 the result is 0; NaN stays NaN.
inline constexpr float kExp2Table[] = {0.07802451680315012F, 0.22606716373649693F,
                                       0.6958335376411987F, 0.9999252186969304F};
inline __m512 short_exp2(__m512 x, const float* table = kExp2Table) {
  using V = Avx512;
  const __m512 r = _mm512_maskz_reduce_ps(V::kAll, x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 p = V::fma(V::set1(table[0]), r, V::set1(table[1]));
  p = V::fma(p, r, V::set1(table[2]));
  p = V::fma(p, r, V::set1(table[3]));
  return _mm512_maskz_scalef_ps(V::kAll, p, x);
}

inline __m512 upper_halves(__m512 x) {
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), high));
}

inline __m512 cut_off(__m512 even, __m512 odd) {
  const __m512i low = _mm512_maskz_srli_epi32(Avx512::kAll, _mm512_castps_si512(even), 16);
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  // low | (odd & high)
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(low, _mm512_castps_si512(odd), high, 0xF8));
}

template <>
inline void transpose_words<Avx512>(const float* const (&rows)[16], float* out) {
  __m512 x[16];
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) x[r] = Avx512::load(rows[r]);
  transpose_16x16(x);
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) Avx512::store(out + r * 16, x[r]);
}

#endif  // __AVX512F__

}  // namespace

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_HALVES_H_
