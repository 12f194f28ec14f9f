// The softmax of two-way attention, written once for all instruction sets. Internal linkage, as in
// simd.h.
#ifndef LASSO_KERNELS_TWO_WAY_TWO_WAY_CODE_H_
#define LASSO_KERNELS_TWO_WAY_TWO_WAY_CODE_H_

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/two_way/two_way_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

template <typename V>
void softmax_columns(float* x, std::int64_t count, std::int64_t columns, std::int64_t stride) {
  for (std::int64_t c = 0; c < columns; c += V::kWidth) {
    float* at = x + c;
    auto max = V::load(at);
    for (std::int64_t i = 1; i < count; ++i) max = V::max(V::load(at + i * stride), max);
    auto sum = V::zero();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto e = vector_exp<V>(V::sub(V::load(at + i * stride), max));
      sum = V::add(sum, e);
      V::store(at + i * stride, e);
    }
    const auto inverse = V::div(V::set1(1.0F), sum);
    for (std::int64_t i = 0; i < count; ++i) {
      V::store(at + i * stride, V::mul(V::load(at + i * stride), inverse));
    }
  }
}

template <typename V>
void weigh_columns(float* x, std::int64_t count, std::int64_t columns, std::int64_t stride,
                   float* max, float* sum, float* factor) {
  for (std::int64_t c = 0; c < columns; c += V::kWidth) {
    float* at = x + c;
    const auto before = V::load(max + c);
    auto most = before;
    for (std::int64_t i = 0; i < count; ++i) most = V::max(V::load(at + i * stride), most);
    auto weights = V::zero();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto e = vector_exp<V>(V::sub(V::load(at + i * stride), most));
      V::store(at + i * stride, e);
      weights = V::add(weights, e);
    }
    const auto change = vector_exp<V>(V::sub(before, most));
    V::store(factor + c, change);
    V::store(sum + c, V::fma(V::load(sum + c), change, weights));
    V::store(max + c, most);
  }
}

template <typename V>
constexpr TwoWayIsa make_two_way_isa() {
  return {softmax_columns<V>, weigh_columns<V>};
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_TWO_WAY_TWO_WAY_CODE_H_
