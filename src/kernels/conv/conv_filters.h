// The order in which products read a convolution's weights, in float32 as in bfloat16. Engine files
// hold weights in it.
#ifndef LASSO_KERNELS_CONV_CONV_FILTERS_H_
#define LASSO_KERNELS_CONV_CONV_FILTERS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/cpu/constant.h"
#include "kernels/cpu/product_bf16.h"

namespace lasso::kernels {

// Each group is a product, whose row n of W is filter n of the group in the order of the window:
// [kh, kw, C / groups]. pack(group, n, k, element, bias) packs W [n, k], whose elements are
// element(n, k), and bias [n].
template <typename Pack>
void pack_filters(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                  const Pack& pack) {
  const std::vector<float> w = read_f32(constants.at(0));
  std::vector<float> bias(static_cast<std::size_t>(p.filters));
  read_bias(constants, p.filters, bias.data());
  const std::int64_t area = p.kernel_h * p.kernel_w;
  const std::int64_t channels = p.group_channels();
  for (std::int64_t group = 0; group < p.groups; ++group) {
    const std::int64_t first = group * p.group_filters();
    const auto element = [&](std::int64_t n, std::int64_t k) {
      const std::int64_t tap = k / channels;
      const std::int64_t c = k % channels;
      return w[static_cast<std::size_t>(((first + n) * channels + c) * area + tap)];
    };
    pack(group, p.group_filters(), area * channels, element, bias.data() + first);
  }
}

// The filters of one group as kernels in bfloat16 read them.
inline void offer_bf16_filters(const Conv2dProblem& p, Offer& offer) {
  offer.packed_bytes = bf16::packed_bytes(p.filters, p.kernel_h * p.kernel_w * p.channels);
  offer.packed_layout = "k = (kh, kw, c): " + std::string(bf16::kPanelLayout);
}
inline void pack_bf16_filters(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                              std::byte* packed) {
  pack_filters(p, constants,
               [&](std::int64_t /*group*/, std::int64_t n, std::int64_t k, const auto& element,
                   const float* bias) { bf16::pack_panels(n, k, element, bias, packed); });
}

// The transposed convolution is `stride` products, one for each row u of the kernel: row (i, j) of
// the image by the weights W[:, n, u, v] gives the numbers (v, n) of the output's row s*i + u from
// pixel s*j on, which lie together. pack(u, n, k, element, bias) packs the W of row u.
template <typename Pack>
void pack_kernel_rows(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
                      const Pack& pack) {
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t columns = p.stride * p.filters;
  std::vector<float> bias(static_cast<std::size_t>(columns));
  read_bias(constants, p.filters, bias.data());
  for (std::int64_t v = 1; v < p.stride; ++v) {
    std::copy_n(bias.data(), p.filters, bias.data() + v * p.filters);
  }
  for (std::int64_t u = 0; u < p.stride; ++u) {
    const auto element = [&](std::int64_t column, std::int64_t c) {
      const std::int64_t v = column / p.filters;
      const std::int64_t n = column % p.filters;
      return w[static_cast<std::size_t>(((c * p.filters + n) * p.stride + u) * p.stride + v)];
    };
    pack(u, columns, p.channels, element, bias.data());
  }
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_FILTERS_H_
