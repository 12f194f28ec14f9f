// The weights of transposed convolutions, as all kernels for GPUs read them.
#ifndef LASSO_KERNELS_CONV_PACKED_TAPS_H_
#define LASSO_KERNELS_CONV_PACKED_TAPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/convert.h"
#include "kernels/conv/conv.h"
#include "kernels/cuda/packed_rows.h"

namespace lasso::kernels::gpu {

// A row is a tap and a filter: W [stride, stride, filters, channels].
inline PackedRows taps(const ConvTranspose2dProblem& p) {
  return {p.weights, p.stride * p.stride * p.filters, p.channels, p.filters};
}

inline void offer_taps(const ConvTranspose2dProblem& p, Offer& offer) {
  offer.packed_bytes = taps(p).bytes();
  offer.packed_layout = taps(p).layout("taps");
}

// From W [channels, filters, stride, stride].
inline void pack_taps(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
                      std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t area = p.stride * p.stride;
  const auto element = [&](std::int64_t row, std::int64_t c) {
    const std::int64_t tap = row / p.filters;
    const std::int64_t filter = row % p.filters;
    return w[static_cast<std::size_t>((c * p.filters + filter) * area + tap)];
  };
  taps(p).pack(element, bias_of(constants, p.filters), packed);
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_PACKED_TAPS_H_
