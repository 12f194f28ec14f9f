// float32 vectors of the instruction sets, for kernels that are written once as templates over
// them. Everything has internal linkage: a file compiled for AVX-512 must leave no function behind
// that the linker could choose for other CPUs.
#ifndef LASSO_KERNELS_CPU_SIMD_H_
#define LASSO_KERNELS_CPU_SIMD_H_

#include <immintrin.h>

#include <cstdint>

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// Numbers of magnitude below 2^22 are rounded to integers where they are added to it.
inline constexpr float kRounding = 12582912.0F;

// The first `count` lanes of eight, as a mask.
inline __m256i first_lanes(std::int64_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
}

struct Avx2 {
  using F = __m256;
  using Mask = __m256i;
  static constexpr int kWidth = 8;
  static constexpr int kRegisters = 16;

  static F zero() { return _mm256_setzero_ps(); }
  static F set1(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static F gather(const float* p, const std::int32_t* index) {  // p[index[i]]
    return _mm256_i32gather_ps(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)), 4);
  }
  // The same for indices below 2 kWidth, of as many elements, all of which are read.
  static F lookup(const float* p, const std::int32_t* index) {
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index));
    const F low = _mm256_permutevar8x32_ps(load(p), at);
    const F high = _mm256_permutevar8x32_ps(load(p + kWidth), at);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(at, 28)));
  }
  static Mask first(std::int64_t count) { return first_lanes(count); }  // of lanes; count <= kWidth
  static F load(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }  // else zero
  static void store(float* p, Mask mask, F x) { _mm256_maskstore_ps(p, mask, x); }

  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }    // a b + c
  static F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a b
  static F min(F a, F b) { return _mm256_min_ps(a, b); }              // b where one is NaN
  static F max(F a, F b) { return _mm256_max_ps(a, b); }              // b where one is NaN
  static F max_or_nan(F a, F b) {                                     // NaN where one is NaN
    return _mm256_or_ps(_mm256_max_ps(a, b), _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  }
  static F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  // a where x is NaN, or is positive, else b.
  static F if_nan(F x, F a, F b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
  static F if_positive(F x, F a, F b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, zero(), _CMP_GT_OQ));
  }
  static F keep(Mask mask, F a) { return _mm256_and_ps(_mm256_castsi256_ps(mask), a); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // 2^n for integers -126 <= n <= 127.
  static F exp2_integer(F n) {
    const __m256i bits = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23));
  }
  // x 2^n, where n is the integer that was added to kRounding to give `sum`; of normal numbers.
  static F times_exp2(F x, F sum) {
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(sum), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), n));
  }
  static bool any_greater(F a, F b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0;
  }
  static float sum(F a) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
};

#ifdef __AVX512F__

struct Avx512 {
  using F = __m512;
  using Mask = __mmask16;
  static constexpr int kWidth = 16;
  static constexpr int kRegisters = 32;
  // GCC 12 warns of its own undefined operand in the forms without a mask; this one costs nothing.
  static constexpr Mask kAll = 0xFFFF;

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F gather(const float* p, const std::int32_t* index) {
    return _mm512_mask_i32gather_ps(zero(), kAll, _mm512_loadu_si512(index), p, 4);
  }
  static F lookup(const float* p, const std::int32_t* index) {
    return _mm512_maskz_permutex2var_ps(kAll, load(p), _mm512_loadu_si512(index), load(p + kWidth));
  }
  static Mask first(std::int64_t count) {
    return count >= 16 ? Mask{0xFFFF} : static_cast<Mask>((1U << count) - 1U);
  }
  static F load(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
  static void store(float* p, Mask mask, F x) { _mm512_mask_storeu_ps(p, mask, x); }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F min(F a, F b) { return _mm512_maskz_min_ps(kAll, a, b); }
  static F max(F a, F b) { return _mm512_maskz_max_ps(kAll, a, b); }
  static F max_or_nan(F a, F b) {
    return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b);
  }
  static F abs(F a) { return _mm512_maskz_andnot_ps(kAll, _mm512_set1_ps(-0.0F), a); }
  static F if_nan(F x, F a, F b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), a);
  }
  static F if_positive(F x, F a, F b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, zero(), _CMP_GT_OQ), a);
  }
  static F keep(Mask mask, F a) { return _mm512_maskz_mov_ps(mask, a); }
  static F round(F a) {
    return _mm512_maskz_roundscale_ps(kAll, a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static F exp2_integer(F n) {
    const __m512i bits =
        _mm512_add_epi32(_mm512_maskz_cvtps_epi32(kAll, n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAll, bits, 23));
  }
  static F times_exp2(F x, F sum) {
    const __m512i n = _mm512_maskz_slli_epi32(kAll, _mm512_castps_si512(sum), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), n));
  }
  static bool any_greater(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }
  static float sum(F a) {
    const __m256 high = _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xF, _mm512_castps_pd(a), 1));
    return Avx2::sum(_mm256_add_ps(_mm512_castps512_ps256(a), high));
  }
};

#endif  // __AVX512F__

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_SIMD_H_
