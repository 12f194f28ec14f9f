// What two-way attention makes of a prompt's tokens and of blocks of pixels, for its products.
#ifndef LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_
#define LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_

#include <cstdint>

#include "core/cpu_features.h"
#include "kernels/cpu/block_product.h"
#include "kernels/two_way/two_way_isa.h"

namespace lasso::kernels::two_way {

using namespace block;  // NOLINT(google-build-using-namespace): what two-way attention is made of

// The tokens' rows for each head, [rows, width] as `heads` times panels [tokens / 64][head_dim][64]
// of their numbers times `scale`: what scores of that head are made with.
void head_panels(Rows tokens, std::int64_t count, std::int64_t heads, std::int64_t head_dim,
                 float scale, float* panels);
constexpr std::int64_t head_panel_floats(std::int64_t count, std::int64_t heads,
                                         std::int64_t head_dim) {
  return heads * panel_count(count) * head_dim * kPanel;
}
inline Panels head_panel(const float* panels, std::int64_t count, std::int64_t head_dim,
                         std::int64_t head) {
  return {panels + head * panel_count(count) * head_dim * kPanel, head_dim * kPanel};
}

// The projection of pixels folded into tokens: row h count + j is token j's part of head h times
// rows h of W^T (packed panels [width, channels]) and `scale`, written as panels [channels][64] of
// those rows, zeros behind the last one. scratch has heads * count * channels floats.
void fold(const ProductIsa& isa, Rows tokens, std::int64_t count, std::int64_t heads,
          std::int64_t head_dim, std::int64_t channels, float scale, Panels weights, float* scratch,
          float* panels);
constexpr std::int64_t folded_floats(std::int64_t rows, std::int64_t channels) {
  return panel_count(rows) * kPanel * channels;
}

// x + p, rows of `columns`.
void add_rows(Rows x, Rows p, std::int64_t count, std::int64_t columns, float* y);
// Rows of x as panels [count][64], `panel` floats apart, zeros behind the last column.
void copy_panels(Rows x, std::int64_t count, std::int64_t columns, float* y, std::int64_t panel);

// What a feature's rows run on.
inline const TwoWayIsa& softmax_isa(CpuFeature feature) {
  return feature == CpuFeature::kAvx512 ? kTwoWayAvx512 : kTwoWayAvx2;
}

}  // namespace lasso::kernels::two_way

#endif  // LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_
