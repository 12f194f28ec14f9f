// The streaming kernel for AVX-512: 8 rows by 3 vectors, 24 of the 32 registers.
#include <immintrin.h>

#include <cstring>

#include "kernels/attention/attention_streaming.h"
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/transpose.h"

namespace lasso::kernels::streaming {

namespace {

struct Avx512 {
  using T = __m512;
  static constexpr int kWidth = 16;
  static constexpr int kRows = 8;

  static T zero() { return _mm512_setzero_ps(); }
  static T set1(float x) { return _mm512_set1_ps(x); }
  static T load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, T x) { _mm512_storeu_ps(p, x); }
  // The first n elements, n < kWidth; zeros stand for the others.
  static __mmask16 first(Index n) { return static_cast<__mmask16>((1U << n) - 1U); }
  static T load_n(const float* p, Index n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store_n(float* p, T x, Index n) { _mm512_mask_storeu_ps(p, first(n), x); }
  // Of bfloat16 numbers; to the nearest, ties to even.
  static T load(const std::uint16_t* p) { return Narrow<kernels::Avx512>::load_bf16(p); }
  static T load_n(const std::uint16_t* p, Index n) { return load_first<kernels::Avx512>(p, n); }
  static void store(std::uint16_t* p, T x) { Narrow<kernels::Avx512>::store_bf16(p, x); }
  static void store_n(std::uint16_t* p, T x, Index n) {
    std::uint16_t values[kWidth];
    store(values, x);
    std::memcpy(p, values, static_cast<std::size_t>(n) * sizeof(*p));
  }
  static void store_low(float* p, T x) { _mm256_storeu_ps(p, _mm512_castps512_ps256(x)); }
  static void store_high(float* p, T x) { _mm256_storeu_ps(p, _mm512_extractf32x8_ps(x, 1)); }
  // Inlined by force: GCC 12 takes a function that only prefetches for one without effects, and
  // drops calls.
  [[gnu::always_inline]] static void prefetch(const void* p) { _mm_prefetch(p, _MM_HINT_T1); }

  static T add(T a, T b) { return _mm512_add_ps(a, b); }
  static T sub(T a, T b) { return _mm512_sub_ps(a, b); }
  static T mul(T a, T b) { return _mm512_mul_ps(a, b); }
  static T div(T a, T b) { return _mm512_div_ps(a, b); }
  static T fma(T a, T b, T c) { return _mm512_fmadd_ps(a, b, c); }
  static T max(T a, T b) { return _mm512_max_ps(a, b); }
  static bool any_greater(T a, T b) { return kernels::Avx512::any_greater(a, b); }

  // 2^x = 2^n 2^r with n = round(x) and |r| <= 1/2; the polynomial is the minimax one of degree 5
  // (relative error 1.5e-7 with its coefficients rounded). Below 2^-149 the result is 0; NaN stays
  // NaN.
  static constexpr float kExp2Table[] = {-1000.0F,      1.3276472e-3F, 9.675541e-3F, 5.550713e-2F,
                                         2.4022120e-1F, 6.9314694e-1F, 1.0F};
  static T exp2(T x, const float* table) {
    const T bounded = _mm512_max_ps(set1(table[0]), x);
    const T n = _mm512_roundscale_ps(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const T r = _mm512_sub_ps(bounded, n);
    T p = fma(set1(table[1]), r, set1(table[2]));
    p = fma(p, r, set1(table[3]));
    p = fma(p, r, set1(table[4]));
    p = fma(p, r, set1(table[5]));
    p = fma(p, r, set1(table[6]));
    return _mm512_scalef_ps(p, n);
  }

  static void transpose(T (&x)[16]) { transpose_16x16(x); }
};

template <typename E>
void run(const Task& task, const Scratch& scratch, float* memory) {
  Kernel<Avx512, E>(task, scratch, memory).run();
}

template <typename E>
void pack(const Task& task, const Scratch& scratch, Index tile, float* to) {
  Kernel<Avx512, E>(task, scratch, nullptr).pack(tile, to);
}

}  // namespace

const Entry kAvx512 = {run<float>, pack<float>};
const Entry kAvx512Widened = {run<std::uint16_t>, pack<std::uint16_t>};

}  // namespace lasso::kernels::streaming
