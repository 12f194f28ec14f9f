// Vectors of simd.h from and to bfloat16, float16, uint8 and int32, and rows of them. The results
// are those of core/dtype.h and quant/number_schemes.h bit for bit.
#ifndef LASSO_KERNELS_CPU_NARROW_H_
#define LASSO_KERNELS_CPU_NARROW_H_

#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): internal linkage, as in simd.h

template <typename V>
struct Narrow;

template <>
struct Narrow<Avx2> {
  static __m256 load_bf16(const std::uint16_t* p) {
    const __m256i bits =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
  }
  // Of eight pairs, the first numbers and the second ones.
  static void load_pairs(const std::uint16_t* p, __m256& first, __m256& second) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    first = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
    second = _mm256_castsi256_ps(
        _mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xFFFF0000U))));
  }
  // To the nearest, ties to even; NaN stays NaN. Integers, since AVX512-BF16 flushes subnormals.
  static void store_bf16(std::uint16_t* p, __m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i result = _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16),
                                              _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), nan);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(p),
        _mm_packus_epi32(_mm256_castsi256_si128(result), _mm256_extracti128_si256(result, 1)));
  }
  static __m256 load_f16(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static void store_f16(std::uint16_t* p, __m256 x) {  // to the nearest, ties to even
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  // round(x) + zero of values within [-zero, 255 - zero].
  static void store_u8(std::uint8_t* p, __m256 x, int zero) {
    const __m256i q = _mm256_cvtps_epi32(x);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    words = _mm_add_epi16(words, _mm_set1_epi16(static_cast<std::int16_t>(zero)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
  }
  static __m256 load_i32(const std::int32_t* p) {
    return _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static float largest(__m256 x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }
};

#ifdef __AVX512F__

template <>
struct Narrow<Avx512> {
  static __m512 load_bf16(const std::uint16_t* p) {
    const __m512i bits =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
  }
  static void load_pairs(const std::uint16_t* p, __m512& first, __m512& second) {
    const __m512i words = _mm512_loadu_si512(p);
    first = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
    second = _mm512_castsi512_ps(
        _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U))));
  }
  static void store_bf16(std::uint16_t* p, __m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i upper = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i result =
        _mm512_mask_or_epi32(_mm512_srli_epi32(sum, 16), nan, upper, _mm512_set1_epi32(0x40));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(result));
  }
  static __m512 load_f16(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void store_f16(std::uint16_t* p, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  static void store_u8(std::uint8_t* p, __m512 x, int zero) {
    const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(q));
  }
  static __m512 load_i32(const std::int32_t* p) {
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
  }
  static float largest(__m512 x) {
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));
    return Narrow<Avx2>::largest(_mm256_max_ps(_mm512_castps512_ps256(x), high));
  }
};

#endif  // __AVX512F__

// Vectors of a row of float32 or bfloat16; the last one may be partial, filled up with zeros.
template <typename V>
typename V::F load_vector(const float* p) {
  return V::load(p);
}
template <typename V>
typename V::F load_vector(const std::uint16_t* p) {
  return Narrow<V>::load_bf16(p);
}
template <typename V>
typename V::F load_first(const float* p, std::int64_t count) {
  return V::load(p, V::first(count));
}
template <typename V>
typename V::F load_first(const std::uint16_t* p, std::int64_t count) {
  std::uint16_t values[V::kWidth] = {};
  std::memcpy(values, p, static_cast<std::size_t>(count) * sizeof(*p));
  return Narrow<V>::load_bf16(values);
}

// Calls whole(c) for the vectors of a row of `count` elements, and part(c, n) for the last n <
// width.
template <typename V, typename Whole, typename Part>
void for_vectors(std::int64_t count, const Whole& whole, const Part& part) {
  std::int64_t c = 0;
  for (; c + V::kWidth <= count; c += V::kWidth) whole(c);
  if (c < count) part(c, count - c);
}

// store(to) writes a vector of T: to p, or, if fewer than a vector's numbers are wanted, the first
// of them there.
template <typename V, typename T, typename Store>
__attribute__((always_inline)) inline void store_first(T* p, std::int64_t count,
                                                       const Store& store) {
  if (count >= V::kWidth) {
    store(p);
    return;
  }
  T values[V::kWidth];
  store(values);
  std::memcpy(p, values, static_cast<std::size_t>(count) * sizeof(T));
}

// quant::quantize(): what is outside goes to the nearest end before it is rounded, which changes
// nothing, and NaN to the lower one.
template <typename V>
class AffineRounding {
 public:
  // The reciprocal of the scheme's scale, and its zero.
  AffineRounding(float inverse, int zero)
      : inverse_(V::set1(inverse)),
        low_(V::set1(static_cast<float>(-zero))),
        high_(V::set1(static_cast<float>(255 - zero))),
        zero_(zero) {}
  void store(std::uint8_t* p, typename V::F x) const {
    Narrow<V>::store_u8(p, V::min(V::max(V::mul(x, inverse_), low_), high_), zero_);
  }

 private:
  typename V::F inverse_;
  typename V::F low_;
  typename V::F high_;
  int zero_;
};

template <typename V>
void round_row(const float* x, std::int64_t count, std::uint16_t* y) {
  for_vectors<V>(
      count, [&](std::int64_t c) { Narrow<V>::store_bf16(y + c, V::load(x + c)); },
      [&](std::int64_t c, std::int64_t n) {
        std::uint16_t values[V::kWidth];
        Narrow<V>::store_bf16(values, load_first<V>(x + c, n));
        std::memcpy(y + c, values, static_cast<std::size_t>(n) * sizeof(*y));
      });
}

// quant::quantize_row() on x gain, or on x where gain is null: the products are rounded, and
// the same in both passes.
template <typename V, bool kGain, typename T>
float quantize_vectors(const T* x, const float* gain, std::int64_t count, std::uint8_t* q) {
  const auto value = [&](std::int64_t c) {
    const auto v = load_vector<V>(x + c);
    return kGain ? V::mul(v, V::load(gain + c)) : v;
  };
  const auto first_values = [&](std::int64_t c, std::int64_t n) {
    const auto v = load_first<V>(x + c, n);
    return kGain ? V::mul(v, load_first<V>(gain + c, n)) : v;
  };
  // Two maxima hide the latency. NaNs are passed over.
  auto even = V::zero();
  auto odd = V::zero();
  std::int64_t pairs = 0;
  for (; pairs + 2 * V::kWidth <= count; pairs += 2 * V::kWidth) {
    even = V::max(V::abs(value(pairs)), even);
    odd = V::max(V::abs(value(pairs + V::kWidth)), odd);
  }
  for_vectors<V>(
      count - pairs, [&](std::int64_t c) { even = V::max(V::abs(value(pairs + c)), even); },
      [&](std::int64_t c, std::int64_t n) {
        odd = V::max(V::abs(first_values(pairs + c, n)), odd);
      });
  const float largest = Narrow<V>::largest(V::max(even, odd));
  const float scale = largest > 0.0F ? largest / 127.0F : 1.0F;
  const auto inverse = V::set1(1.0F / scale);
  const auto scaled = [&](auto v) {
    return V::min(V::max(V::mul(v, inverse), V::set1(-127.0F)), V::set1(127.0F));
  };
  for_vectors<V>(
      count, [&](std::int64_t c) { Narrow<V>::store_u8(q + c, scaled(value(c)), 128); },
      [&](std::int64_t c, std::int64_t n) {
        std::uint8_t values[V::kWidth];
        Narrow<V>::store_u8(values, scaled(first_values(c, n)), 128);
        std::memcpy(q + c, values, static_cast<std::size_t>(n));
      });
  return scale;
}

template <typename V>
float quantize_vectors(const float* x, std::int64_t count, std::uint8_t* q) {
  return quantize_vectors<V, false>(x, nullptr, count, q);
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_NARROW_H_
