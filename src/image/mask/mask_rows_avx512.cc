#include <immintrin.h>

#include "image/mask/mask_rows.h"

namespace lasso {

namespace {

// The masked forms of some intrinsics stand in for the plain ones, about which GCC 12 warns.
constexpr __mmask16 kAll = 0xffff;

__m512 mix(__m512 a, __m512 b, __m512 wa, __m512 wb) {
  return _mm512_add_ps(_mm512_mul_ps(wa, a), _mm512_mul_ps(wb, b));
}

__mmask16 first(int count) { return static_cast<__mmask16>((1u << count) - 1u); }

// Takes in[index] and in[index + 1] for 16 outputs from the 16 or 32 inputs that follow the first
// one; inputs that lie further apart are gathered.
enum class Reach { kOne, kTwo, kFar };

template <Reach reach>
void stretch(const float* in, const StretchTaps& taps, float* out) {
  for (int i = 0; i < taps.count; i += 16) {
    const __m512i at = _mm512_load_si512(taps.index + i);
    __m512 a;
    __m512 b;
    if constexpr (reach == Reach::kFar) {
      a = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), kAll, at, in, 4);
      b = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), kAll, at, in + 1, 4);
    } else {
      const float* base = in + taps.index[i];
      const __m512i left = _mm512_sub_epi32(at, _mm512_set1_epi32(taps.index[i]));
      const __m512 low = _mm512_loadu_ps(base);
      const __m512 low_right = _mm512_loadu_ps(base + 1);
      if constexpr (reach == Reach::kOne) {
        a = _mm512_maskz_permutexvar_ps(kAll, left, low);
        b = _mm512_maskz_permutexvar_ps(kAll, left, low_right);
      } else {
        a = _mm512_permutex2var_ps(low, left, _mm512_loadu_ps(base + 16));
        b = _mm512_permutex2var_ps(low_right, left, _mm512_loadu_ps(base + 17));
      }
    }
    _mm512_storeu_ps(out + i, mix(a, b, _mm512_load_ps(taps.w0 + i), _mm512_load_ps(taps.w1 + i)));
  }
}

void stretch(const float* in, const StretchTaps& taps, float* out) {
  if (taps.span16 <= 16) return stretch<Reach::kOne>(in, taps, out);
  if (taps.span16 <= 32) return stretch<Reach::kTwo>(in, taps, out);
  stretch<Reach::kFar>(in, taps, out);
}

void blend(const float* a, const float* b, float wa, float wb, int count, float* out) {
  const __m512 va = _mm512_set1_ps(wa);
  const __m512 vb = _mm512_set1_ps(wb);
  int i = 0;
  for (; i + 16 <= count; i += 16) {
    _mm512_storeu_ps(out + i, mix(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), va, vb));
  }
  if (i == count) return;
  const __mmask16 rest = first(count - i);
  _mm512_mask_storeu_ps(
      out + i, rest,
      mix(_mm512_maskz_loadu_ps(rest, a + i), _mm512_maskz_loadu_ps(rest, b + i), va, vb));
}

void threshold(const float* a, const float* b, float wa, float wb, float limit, int count,
               std::uint8_t* out) {
  const __m512 va = _mm512_set1_ps(wa);
  const __m512 vb = _mm512_set1_ps(wb);
  const __m512 vl = _mm512_set1_ps(limit);
  const __m128i one = _mm_set1_epi8(1);
  int i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 value = mix(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), va, vb);
    const __mmask16 inside = _mm512_cmp_ps_mask(value, vl, _CMP_GT_OQ);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm_maskz_mov_epi8(inside, one));
  }
  if (i == count) return;
  const __mmask16 rest = first(count - i);
  const __m512 value =
      mix(_mm512_maskz_loadu_ps(rest, a + i), _mm512_maskz_loadu_ps(rest, b + i), va, vb);
  const __mmask16 inside = _mm512_cmp_ps_mask(value, vl, _CMP_GT_OQ);
  _mm_mask_storeu_epi8(out + i, rest, _mm_maskz_mov_epi8(inside, one));
}

}  // namespace

const MaskRows& mask_rows_avx512() {
  static constexpr MaskRows kRows{CpuFeature::kAvx512, stretch, blend, threshold};
  return kRows;
}

}  // namespace lasso
