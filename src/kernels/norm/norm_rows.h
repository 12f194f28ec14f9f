// LayerNorm of rows, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_NORM_NORM_ROWS_H_
#define LASSO_KERNELS_NORM_NORM_ROWS_H_

#include "kernels/cpu/narrow.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/norm/norm_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// The sum of term(vector) over a row, where the last vector may be partial: term(vector, mask)
// clears the lanes that do not exist. Four sums hide the latency of an addition.
template <typename V, typename Term, typename TailTerm>
float sum_row(const float* x, std::int64_t count, Term term, TailTerm tail_term) {
  typename V::F sums[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  std::int64_t c = 0;
  for (; c + 4 * V::kWidth <= count; c += 4 * V::kWidth) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      sums[i] = V::add(sums[i], term(V::load(x + c + i * V::kWidth)));
    }
  }
  for (; c + V::kWidth <= count; c += V::kWidth) sums[0] = V::add(sums[0], term(V::load(x + c)));
  if (c < count) {
    const auto mask = V::first(count - c);
    sums[1] = V::add(sums[1], tail_term(V::load(x + c, mask), mask));
  }
  return V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
}

// Three passes over a row that stays in the first cache: mean, variance of the differences, result;
// and one more that rounds the result to a narrower type.
template <typename V, graph::Activation kActivation>
void layer_norm(const LayerNormRows& p) {
  const auto count = static_cast<float>(p.channels);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* x = p.x + row * p.channels;
    float* y = p.output == DType::kF32 ? static_cast<float*>(p.y) + row * p.channels : p.scratch;
    const float mean =
        sum_row<V>(
            x, p.channels, [](auto v) { return v; }, [](auto v, auto /*mask*/) { return v; }) /
        count;
    const auto means = V::set1(mean);
    const auto square = [&](auto v) {
      const auto d = V::sub(v, means);
      return V::mul(d, d);
    };
    const float variance = sum_row<V>(x, p.channels, square,
                                      [&](auto v, auto mask) { return V::keep(mask, square(v)); }) /
                           count;
    const auto scale = V::set1(1.0F / __builtin_sqrtf(variance + p.epsilon));
    const auto result = [&](auto v, auto gamma, auto beta) {
      const auto normal = V::mul(V::sub(v, means), scale);
      return vector_activate<V, kActivation>(V::fma(normal, gamma, beta));
    };
    std::int64_t c = 0;
    for (; c + V::kWidth <= p.channels; c += V::kWidth) {
      V::store(y + c, result(V::load(x + c), V::load(p.gamma + c), V::load(p.beta + c)));
    }
    if (c < p.channels) {
      const auto mask = V::first(p.channels - c);
      V::store(y + c, mask,
               result(V::load(x + c, mask), V::load(p.gamma + c, mask), V::load(p.beta + c, mask)));
    }
    if (p.output == DType::kBF16) {
      round_row<V>(y, p.channels, static_cast<std::uint16_t*>(p.y) + row * p.channels);
    } else if (p.output == DType::kU8) {
      p.scales[row] =
          quantize_vectors<V>(y, p.channels, static_cast<std::uint8_t*>(p.y) + row * p.channels);
    }
  }
}

template <typename V>
void layer_norm(const LayerNormRows& p) {
  switch (p.activation) {
    case graph::Activation::kNone:
      return layer_norm<V, graph::Activation::kNone>(p);
    case graph::Activation::kGelu:
      return layer_norm<V, graph::Activation::kGelu>(p);
    case graph::Activation::kRelu:
      return layer_norm<V, graph::Activation::kRelu>(p);
    case graph::Activation::kSigmoid:
      return layer_norm<V, graph::Activation::kSigmoid>(p);
    case graph::Activation::kSilu:
      return layer_norm<V, graph::Activation::kSilu>(p);
    case graph::Activation::kLeakyRelu:
      return layer_norm<V, graph::Activation::kLeakyRelu>(p);
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NORM_NORM_ROWS_H_
