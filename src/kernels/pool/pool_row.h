// A row of Pool2d's result, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_POOL_POOL_ROW_H_
#define LASSO_KERNELS_POOL_POOL_ROW_H_

#include <cstring>

#include "kernels/cpu/narrow.h"
#include "kernels/cpu/simd.h"
#include "kernels/pool/pool_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// Numbers of a type, as vectors: whole ones and the first `count` of one. Those of 16 bits are
// float32 in between, which loses nothing.
template <typename V>
struct Floats {
  using T = float;
  using F = typename V::F;
  static constexpr int kWidth = V::kWidth;
  static F load(const T* p) { return V::load(p); }
  static F load(const T* p, std::int64_t count) { return V::load(p, V::first(count)); }
  static void store(T* p, F x) { V::store(p, x); }
  static void store(T* p, F x, std::int64_t count) { V::store(p, V::first(count), x); }
};

template <typename V, bool kBf16>
struct Halves {
  using T = std::uint16_t;
  using F = typename V::F;
  static constexpr int kWidth = V::kWidth;
  static F load(const T* p) { return kBf16 ? Narrow<V>::load_bf16(p) : Narrow<V>::load_f16(p); }
  static F load(const T* p, std::int64_t count) {
    T values[kWidth] = {};
    std::memcpy(values, p, static_cast<std::size_t>(count) * sizeof(T));
    return load(values);
  }
  static void store(T* p, F x) { kBf16 ? Narrow<V>::store_bf16(p, x) : Narrow<V>::store_f16(p, x); }
  static void store(T* p, F x, std::int64_t count) {
    store_first<V>(p, count, [&](T* out) { store(out, x); });
  }
};

template <typename N, typename V>
struct Largest : N {
  static typename N::F combine(typename N::F a, typename N::F b) { return V::max_or_nan(a, b); }
};

template <typename V>
struct Sum : Floats<V> {
  static typename V::F combine(typename V::F a, typename V::F b) { return V::add(a, b); }
};

template <typename V>
struct LargestByte;

template <>
struct LargestByte<Avx2> {
  using T = std::uint8_t;
  using F = __m256i;
  static constexpr int kWidth = 32;
  static F load(const T* p) { return _mm256_loadu_si256(reinterpret_cast<const F*>(p)); }
  static F load(const T* p, std::int64_t count) {
    T values[kWidth] = {};
    std::memcpy(values, p, static_cast<std::size_t>(count));
    return load(values);
  }
  static void store(T* p, F x) { _mm256_storeu_si256(reinterpret_cast<F*>(p), x); }
  static void store(T* p, F x, std::int64_t count) {
    T values[kWidth];
    store(values, x);
    std::memcpy(p, values, static_cast<std::size_t>(count));
  }
  static F combine(F a, F b) { return _mm256_max_epu8(a, b); }
};

#ifdef __AVX512F__

template <>
struct LargestByte<Avx512> {
  using T = std::uint8_t;
  using F = __m512i;
  static constexpr int kWidth = 64;
  static __mmask64 first(std::int64_t count) {
    return count >= kWidth ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
  }
  static F load(const T* p) { return _mm512_loadu_si512(p); }
  static F load(const T* p, std::int64_t count) { return _mm512_maskz_loadu_epi8(first(count), p); }
  static void store(T* p, F x) { _mm512_storeu_si512(p, x); }
  static void store(T* p, F x, std::int64_t count) { _mm512_mask_storeu_epi8(p, first(count), x); }
  static F combine(F a, F b) { return _mm512_max_epu8(a, b); }
};

#endif  // __AVX512F__

// y[i] = finish(the combination of x[i + k * step] for k < count) for i < size; count > 0.
template <typename N, typename Finish>
void combine(const typename N::T* x, std::int64_t count, std::int64_t step, std::int64_t size,
             typename N::T* y, const Finish& finish) {
  using F = typename N::F;
  constexpr std::int64_t kTogether = 4;
  std::int64_t i = 0;
  for (; i + kTogether * N::kWidth <= size; i += kTogether * N::kWidth) {
    F values[kTogether];
    for (std::int64_t j = 0; j < kTogether; ++j) values[j] = N::load(x + i + j * N::kWidth);
    const typename N::T* from = x + i;
    for (std::int64_t k = 1; k < count; ++k) {
      from += step;
      for (std::int64_t j = 0; j < kTogether; ++j) {
        values[j] = N::combine(values[j], N::load(from + j * N::kWidth));
      }
    }
    for (std::int64_t j = 0; j < kTogether; ++j) N::store(y + i + j * N::kWidth, finish(values[j]));
  }
  for (; i < size; i += N::kWidth) {
    const std::int64_t lanes = size - i < N::kWidth ? size - i : N::kWidth;
    F value = N::load(x + i, lanes);
    for (std::int64_t k = 1; k < count; ++k) {
      value = N::combine(value, N::load(x + i + k * step, lanes));
    }
    N::store(y + i, finish(value), lanes);
  }
}

// divided(sum, divisor) finishes a mean.
template <typename N, typename Divided>
void pool_row_of(const PoolRow& r, typename N::T of_nothing, const Divided& divided) {
  using T = typename N::T;
  using F = typename N::F;
  const auto* rows = static_cast<const T*>(r.x);
  if (r.rows > 1) {
    auto* scratch = static_cast<T*>(r.scratch);
    combine<N>(rows, r.rows, r.row_step, r.width * r.channels, scratch,
               [](F value) { return value; });
    rows = scratch;
  }
  auto* y = static_cast<T*>(r.y);
  for (std::int64_t j = 0; j < r.results; ++j, y += r.channels) {
    const PoolColumn& column = r.columns[j];
    if (r.rows == 0 || column.count == 0) {
      for (std::int64_t c = 0; c < r.channels; ++c) y[c] = of_nothing;
      continue;
    }
    const T* x = rows + column.first * r.channels;
    const std::int64_t step = r.column_step * r.channels;
    combine<N>(x, column.count, step, r.channels, y,
               [&](F value) { return divided(value, r.divisor * column.divisor); });
  }
}

template <typename N>
void pool_largest(const PoolRow& r, typename N::T of_nothing) {
  pool_row_of<N>(r, of_nothing, [](typename N::F value, float /*divisor*/) { return value; });
}

template <typename V>
void pool_row(const PoolRow& r) {
  if (r.average) {
    pool_row_of<Sum<V>>(
        r, 0.0F, [](typename V::F sum, float divisor) { return V::div(sum, V::set1(divisor)); });
  } else if (r.dtype == DType::kBF16) {
    pool_largest<Largest<Halves<V, true>, V>>(r, 0xFF80);
  } else if (r.dtype == DType::kF16) {
    pool_largest<Largest<Halves<V, false>, V>>(r, 0xFC00);
  } else if (r.dtype == DType::kU8) {
    pool_largest<LargestByte<V>>(r, 0);
  } else {
    pool_largest<Largest<Floats<V>, V>>(r, -__builtin_inff());
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_POOL_POOL_ROW_H_
