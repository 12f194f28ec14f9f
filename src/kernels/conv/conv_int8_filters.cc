#include <algorithm>

#include "kernels/conv/conv_int8.h"

namespace lasso::kernels {

void pack_int8_filters(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                       std::byte* packed) {
  const Int8Filters filters(p, constants);
  const Int8FilterLayout layout(p);
  std::fill_n(packed, layout.bytes(), std::byte{0});
  auto* w = reinterpret_cast<std::int8_t*>(packed);
  auto* sums = reinterpret_cast<std::int32_t*>(w + layout.weights());
  const std::int8_t* q = filters.q.data();
  const std::int64_t area = p.kernel_h * p.kernel_w;
  for (std::int64_t n = 0; n < p.filters; ++n) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      for (std::int64_t tap = 0; tap < area; ++tap, ++q) {
        w[layout.offset(n, tap * p.channels + c)] = *q;
        sums[n] += *q;
      }
    }
  }
  auto* out = reinterpret_cast<float*>(sums + layout.columns);
  std::copy(filters.scales.begin(), filters.scales.end(), out);
  std::copy(filters.bias.begin(), filters.bias.end(), out + layout.columns);
}

}  // namespace lasso::kernels
