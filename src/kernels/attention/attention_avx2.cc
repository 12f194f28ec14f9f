// The streaming kernel for AVX2 and FMA: 4 rows by 3 vectors, 12 of the 16 registers.
#include <immintrin.h>

#include <cstring>

#include "kernels/attention/attention_streaming.h"
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/transpose.h"

namespace lasso::kernels::streaming {

namespace {

// -1 (taken) eight times, then 0 (left out): a window of 8 starting at 8 - n takes the first n.
alignas(64) constexpr std::int32_t kFirst[16] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                 0,  0,  0,  0,  0,  0,  0,  0};

struct Avx2 {
  using T = __m256;
  static constexpr int kWidth = 8;
  static constexpr int kRows = 4;

  static T zero() { return _mm256_setzero_ps(); }
  static T set1(float x) { return _mm256_set1_ps(x); }
  static T load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, T x) { _mm256_storeu_ps(p, x); }
  // The first n elements, n <= kWidth; zeros stand for the others.
  static __m256i first(Index n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst + kWidth - n));
  }
  static T load_n(const float* p, Index n) { return _mm256_maskload_ps(p, first(n)); }
  static void store_n(float* p, T x, Index n) { _mm256_maskstore_ps(p, first(n), x); }
  // Of bfloat16 numbers; to the nearest, ties to even.
  static T load(const std::uint16_t* p) { return Narrow<kernels::Avx2>::load_bf16(p); }
  static T load_n(const std::uint16_t* p, Index n) { return load_first<kernels::Avx2>(p, n); }
  static void store(std::uint16_t* p, T x) { Narrow<kernels::Avx2>::store_bf16(p, x); }
  static void store_n(std::uint16_t* p, T x, Index n) {
    std::uint16_t values[kWidth];
    store(values, x);
    std::memcpy(p, values, static_cast<std::size_t>(n) * sizeof(*p));
  }
  static void store_low(float* p, T x) { _mm_storeu_ps(p, _mm256_castps256_ps128(x)); }
  static void store_high(float* p, T x) { _mm_storeu_ps(p, _mm256_extractf128_ps(x, 1)); }
  // Inlined by force, see the AVX-512 file.
  [[gnu::always_inline]] static void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }

  static T add(T a, T b) { return _mm256_add_ps(a, b); }
  static T sub(T a, T b) { return _mm256_sub_ps(a, b); }
  static T mul(T a, T b) { return _mm256_mul_ps(a, b); }
  static T div(T a, T b) { return _mm256_div_ps(a, b); }
  static T fma(T a, T b, T c) { return _mm256_fmadd_ps(a, b, c); }
  static T max(T a, T b) { return _mm256_max_ps(a, b); }
  static bool any_greater(T a, T b) { return kernels::Avx2::any_greater(a, b); }

  // As in the AVX-512 file; 2^n is put together from its bits, below 2^-126.5 the result is 0
  // and above 2^127.5 infinite.
  static constexpr float kExp2Table[] = {-127.0F,       1.3276472e-3F, 9.675541e-3F, 5.550713e-2F,
                                         2.4022120e-1F, 6.9314694e-1F, 1.0F,         128.0F};
  static T exp2(T x, const float* table) {
    const T bounded = _mm256_min_ps(set1(table[7]), _mm256_max_ps(set1(table[0]), x));
    const T n = _mm256_round_ps(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const T r = _mm256_sub_ps(bounded, n);
    T p = fma(set1(table[1]), r, set1(table[2]));
    p = fma(p, r, set1(table[3]));
    p = fma(p, r, set1(table[4]));
    p = fma(p, r, set1(table[5]));
    p = fma(p, r, set1(table[6]));
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }

  static void transpose(T (&x)[8]) { transpose_8x8(x); }
};

template <typename E>
void run(const Task& task, const Scratch& scratch, float* memory) {
  Kernel<Avx2, E>(task, scratch, memory).run();
}

template <typename E>
void pack(const Task& task, const Scratch& scratch, Index tile, float* to) {
  Kernel<Avx2, E>(task, scratch, nullptr).pack(tile, to);
}

}  // namespace

const Entry kAvx2 = {run<float>, pack<float>};
const Entry kAvx2Widened = {run<std::uint16_t>, pack<std::uint16_t>};

}  // namespace lasso::kernels::streaming
