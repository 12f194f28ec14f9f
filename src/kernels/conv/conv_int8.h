// What the kernels of convolutions in int8 pack.
#ifndef LASSO_KERNELS_CONV_CONV_INT8_H_
#define LASSO_KERNELS_CONV_CONV_INT8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "kernels/conv/conv.h"
#include "kernels/cpu/int8_product.h"

namespace lasso::kernels {

// The numbers in a sum.
inline std::int64_t window_inputs(const Conv2dProblem& p) {
  return p.kernel_h * p.kernel_w * p.channels;
}

// Q [N, C, kh, kw] and s [N] of the filters (quant/number_schemes.h), and b [N], zeros where there
// is none, of a convolution of one group.
struct Int8Filters {
  Int8Filters(const Conv2dProblem& problem, const std::vector<TensorView>& constants);

  std::vector<std::int8_t> q;
  std::vector<float> scales;
  std::vector<float> bias;
};

// The filters as columns, k = (kh, kw, c), and then each one's sum of Q, its scale and its bias,
// all padded with zeros to whole panels.
constexpr std::string_view kInt8FilterLayout =
    "k = (kh, kw, c): int8 W [n/64, k/4, 64, 4], sums, s, b [n/64, 64]";

struct Int8FilterLayout : Int8Layout {
  explicit Int8FilterLayout(const Conv2dProblem& p) : Int8Layout(p.filters, window_inputs(p)) {}
  std::int64_t bytes() const { return weights() + columns * 3 * 4; }
};

struct PackedInt8Filters : Int8FilterLayout {
  PackedInt8Filters(const Conv2dProblem& p, const std::byte* bytes)
      : Int8FilterLayout(p),
        q(reinterpret_cast<const std::int8_t*>(bytes)),
        sums(reinterpret_cast<const std::int32_t*>(q + weights())),
        scales(reinterpret_cast<const float*>(sums + columns)),
        bias(scales + columns) {}

  const std::int8_t* q;
  const std::int32_t* sums;
  const float* scales;
  const float* bias;
};

void pack_int8_filters(const Conv2dProblem& problem, const std::vector<TensorView>& constants,
                       std::byte* packed);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_INT8_H_
