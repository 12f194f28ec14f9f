// Softmax, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_
#define LASSO_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_

#include <algorithm>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/softmax/softmax_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// e^x of a difference to the maximum: below -87 it is 0, so that what is masked by -infinity has no
// part in anything. NaN stays NaN.
template <typename V>
inline typename V::F exp_of_difference(typename V::F x) {
  const auto e = V::if_positive(V::add(x, V::set1(87.0F)), vector_exp<V>(x), V::zero());
  return V::if_nan(x, x, e);
}

// The largest of a row; NaN counts as none.
template <typename V>
inline float largest(const float* x, std::int64_t count) {
  float max = x[0];
  if (count < V::kWidth) {
    for (std::int64_t k = 1; k < count; ++k) max = x[k] > max ? x[k] : max;
    return max;
  }
  auto maxima = V::set1(max);
  for (std::int64_t k = 0; k + V::kWidth <= count; k += V::kWidth) {
    maxima = V::max(V::load(x + k), maxima);
  }
  // Those at the end may have been seen.
  maxima = V::max(V::load(x + count - V::kWidth), maxima);
  float lanes[V::kWidth];
  V::store(lanes, maxima);
  for (const float lane : lanes) max = lane > max ? lane : max;
  return max;
}

// So many vectors are added up for themselves: beside the sum of all before them, many small terms
// would lose most of their bits.
constexpr std::int64_t kVectorsOfPart = 64;

template <typename V>
inline void softmax_row(const float* x, float* y, std::int64_t count) {
  const auto max = V::set1(largest<V>(x, count));
  auto sums = V::zero();
  std::int64_t k = 0;
  while (k + V::kWidth <= count) {
    const std::int64_t end = std::min(count, k + kVectorsOfPart * V::kWidth);
    auto part = V::zero();
    for (; k + V::kWidth <= end; k += V::kWidth) {
      const auto e = exp_of_difference<V>(V::sub(V::load(x + k), max));
      V::store(y + k, e);
      part = V::add(part, e);
    }
    sums = V::add(sums, part);
  }
  const auto mask = V::first(count - k);
  if (k < count) {
    const auto e = V::keep(mask, exp_of_difference<V>(V::sub(V::load(x + k, mask), max)));
    V::store(y + k, mask, e);
    sums = V::add(sums, e);
  }
  const auto scale = V::set1(1.0F / V::sum(sums));
  for (k = 0; k + V::kWidth <= count; k += V::kWidth) {
    V::store(y + k, V::mul(V::load(y + k), scale));
  }
  if (k < count) V::store(y + k, mask, V::mul(V::load(y + k, mask), scale));
}

// As many columns as a vector has lanes, or the first of them.
template <typename V, typename Load, typename Store>
inline void softmax_columns(const SoftmaxRows& p, const float* x, float* y, Load load,
                            Store store) {
  auto max = load(x);
  for (std::int64_t k = 1; k < p.count; ++k) max = V::max(load(x + k * p.inner), max);
  auto sum = V::zero();
  for (std::int64_t k = 0; k < p.count;) {
    const std::int64_t end = std::min(p.count, k + kVectorsOfPart);
    auto part = V::zero();
    for (; k < end; ++k) {
      const auto e = exp_of_difference<V>(V::sub(load(x + k * p.inner), max));
      store(y + k * p.inner, e);
      part = V::add(part, e);
    }
    sum = V::add(sum, part);
  }
  const auto scale = V::div(V::set1(1.0F), sum);
  for (std::int64_t k = 0; k < p.count; ++k) {
    store(y + k * p.inner, V::mul(load(y + k * p.inner), scale));
  }
}

template <typename V>
void softmax(const SoftmaxRows& p) {
  if (p.inner == 1) {
    for (std::int64_t row = 0; row < p.columns; ++row) {
      softmax_row<V>(p.x + row * p.count, p.y + row * p.count, p.count);
    }
    return;
  }
  std::int64_t c = 0;
  for (; c + V::kWidth <= p.columns; c += V::kWidth) {
    softmax_columns<V>(
        p, p.x + c, p.y + c, [](const float* from) { return V::load(from); },
        [](float* to, auto value) { V::store(to, value); });
  }
  if (c == p.columns) return;
  const auto mask = V::first(p.columns - c);
  softmax_columns<V>(
      p, p.x + c, p.y + c, [&](const float* from) { return V::load(from, mask); },
      [&](float* to, auto value) { V::store(to, mask, value); });
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_
