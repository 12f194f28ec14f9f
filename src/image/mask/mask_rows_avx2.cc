#include <immintrin.h>

#include "image/mask/mask_rows.h"

namespace lasso {

namespace {

__m256 mix(__m256 a, __m256 b, __m256 wa, __m256 wb) {
  return _mm256_add_ps(_mm256_mul_ps(wa, a), _mm256_mul_ps(wb, b));
}

void stretch(const float* in, const StretchTaps& taps, float* out) {
  const bool narrow = taps.span8 <= 8;  // one vector holds all that 8 outputs need
  for (int i = 0; i < taps.count; i += 8) {
    const __m256i at = _mm256_load_si256(reinterpret_cast<const __m256i*>(taps.index + i));
    __m256 a;
    __m256 b;
    if (narrow) {
      const float* base = in + taps.index[i];
      const __m256i left = _mm256_sub_epi32(at, _mm256_set1_epi32(taps.index[i]));
      a = _mm256_permutevar8x32_ps(_mm256_loadu_ps(base), left);
      b = _mm256_permutevar8x32_ps(_mm256_loadu_ps(base + 1), left);
    } else {
      a = _mm256_i32gather_ps(in, at, 4);
      b = _mm256_i32gather_ps(in + 1, at, 4);
    }
    _mm256_storeu_ps(out + i, mix(a, b, _mm256_load_ps(taps.w0 + i), _mm256_load_ps(taps.w1 + i)));
  }
}

void blend(const float* a, const float* b, float wa, float wb, int count, float* out) {
  const __m256 va = _mm256_set1_ps(wa);
  const __m256 vb = _mm256_set1_ps(wb);
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(out + i, mix(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), va, vb));
  }
  for (; i < count; ++i) out[i] = wa * a[i] + wb * b[i];
}

void threshold(const float* a, const float* b, float wa, float wb, float limit, int count,
               std::uint8_t* out) {
  const __m256 va = _mm256_set1_ps(wa);
  const __m256 vb = _mm256_set1_ps(wb);
  const __m256 vl = _mm256_set1_ps(limit);
  const auto inside = [&](int i) {
    const __m256 value = mix(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), va, vb);
    return _mm256_castps_si256(_mm256_cmp_ps(value, vl, _CMP_GT_OQ));
  };
  int i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m256i low = _mm256_packs_epi32(inside(i), inside(i + 8));
    const __m256i high = _mm256_packs_epi32(inside(i + 16), inside(i + 24));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // packing works in lanes
    const __m256i all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_and_si256(all, _mm256_set1_epi8(1)));
  }
  for (; i < count; ++i) out[i] = wa * a[i] + wb * b[i] > limit ? 1 : 0;
}

}  // namespace

const MaskRows& mask_rows_avx2() {
  static constexpr MaskRows kRows{CpuFeature::kAvx2, stretch, blend, threshold};
  return kRows;
}

}  // namespace lasso
