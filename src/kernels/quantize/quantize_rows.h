// Quantize and Cast, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_QUANTIZE_QUANTIZE_ROWS_H_
#define LASSO_KERNELS_QUANTIZE_QUANTIZE_ROWS_H_

#include "kernels/cpu/narrow.h"
#include "kernels/quantize/quantize_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

template <typename V, bool kGain, typename T>
void quantize_each(const QuantizeRows& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t begin = row * p.channels;
    p.scales[row] = quantize_vectors<V, kGain>(static_cast<const T*>(p.x) + begin, p.gain,
                                               p.channels, p.q + begin);
  }
}

template <typename V>
void quantize(const QuantizeRows& p) {
  if (p.bf16) {
    p.gain != nullptr ? quantize_each<V, true, std::uint16_t>(p)
                      : quantize_each<V, false, std::uint16_t>(p);
  } else {
    p.gain != nullptr ? quantize_each<V, true, float>(p) : quantize_each<V, false, float>(p);
  }
}

template <typename V, typename T>
void quantize_each(const QuantizeRun& p) {
  const auto* x = static_cast<const T*>(p.x);
  const AffineRounding<V> rounding(p.inverse, p.zero);
  for_vectors<V>(
      p.count, [&](std::int64_t c) { rounding.store(p.q + c, load_vector<V>(x + c)); },
      [&](std::int64_t c, std::int64_t n) {
        store_first<V>(p.q + c, n,
                       [&](std::uint8_t* q) { rounding.store(q, load_first<V>(x + c, n)); });
      });
}

template <typename V>
void quantize_tensor(const QuantizeRun& p) {
  p.bf16 ? quantize_each<V, std::uint16_t>(p) : quantize_each<V, float>(p);
}

template <typename V>
void cast(const CastRun& p) {
  if (p.to_bf16) {
    round_row<V>(static_cast<const float*>(p.x), p.count, static_cast<std::uint16_t*>(p.y));
    return;
  }
  const auto* x = static_cast<const std::uint16_t*>(p.x);
  auto* y = static_cast<float*>(p.y);
  for_vectors<V>(
      p.count, [&](std::int64_t c) { V::store(y + c, Narrow<V>::load_bf16(x + c)); },
      [&](std::int64_t c, std::int64_t n) {
        V::store(y + c, V::first(n), load_first<V>(x + c, n));
      });
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_QUANTIZE_QUANTIZE_ROWS_H_
