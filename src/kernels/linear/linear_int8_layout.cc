#include "kernels/linear/linear_int8_layout.h"

#include <algorithm>

namespace lasso::kernels {

void pack_int8_linear(const LinearProblem& p, const std::vector<TensorView>& constants,
                      std::byte* packed) {
  const Int8Constants weights = int8_constants(p, constants);
  const Int8LinearLayout layout(p);
  std::fill_n(packed, layout.bytes(), std::byte{0});
  auto* w = reinterpret_cast<std::int8_t*>(packed);
  auto* correction = reinterpret_cast<std::int32_t*>(w + layout.weights());
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t k = 0; k < p.k; ++k) {
      const std::int8_t q = weights.q[static_cast<std::size_t>(n * p.k + k)];
      w[layout.offset(n, k)] = q;
      correction[n] -= 128 * q;
    }
  }
  auto* out = reinterpret_cast<float*>(correction + layout.columns);
  for (const auto* values : {&weights.scales, &weights.bias, &weights.output_gain}) {
    std::copy(values->begin(), values->end(), out);
    out += layout.columns;
  }
}

}  // namespace lasso::kernels
