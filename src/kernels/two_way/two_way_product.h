// The products that two-way attention consists of, on the tiles of product_isa.h: of rows that lie
// in the caches with panels of 64 columns, packed weights or what was made of a prompt's tokens.
#ifndef LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_
#define LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_

#include <cstdint>

#include "core/cpu_features.h"
#include "kernels/cpu/product.h"
#include "kernels/two_way/two_way_isa.h"

namespace lasso::kernels::two_way {

// Rows `stride` floats apart.
struct Rows {
  const float* data = nullptr;
  std::int64_t stride = 0;

  const float* row(std::int64_t i) const { return data + i * stride; }
  Rows columns(std::int64_t begin) const { return {data + begin, stride}; }
};

// A matrix [depth, columns] as panels [depth, 64] of its columns, `panel` floats apart.
struct Panels {
  const float* data = nullptr;
  std::int64_t panel = 0;

  // From a row and a column on.
  Panels from(std::int64_t row, std::int64_t column) const {
    return {data + column / kPanel * panel + row * kPanel + column % kPanel, panel};
  }
};

// Where rows of a result go: one after another, or as rows of panels.
struct Result {
  float* data = nullptr;
  std::int64_t stride = 0;      // from row to row
  std::int64_t panel = kPanel;  // from 64 columns to the next
};

struct Step {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t depth = 0;
  Rows a = {};
  Panels weights = {};
  const float* bias = nullptr;  // [columns, padded to 64]; null: zeros
  Result y = {};
  Rows residual = {};
  bool adds = false;  // to what y holds
};

// y = a weights + bias + residual.
void multiply(const ProductIsa& isa, const Step& step);
// The same where the weights' columns begin at any `column` of their panels, and y's are rows.
void multiply_columns(const ProductIsa& isa, Step step, std::int64_t column);

// The bytes of panels that pack_panels() writes, as floats.
constexpr std::int64_t packed_floats(std::int64_t n, std::int64_t k) {
  return panel_floats(n, k) + panel_count(n) * kPanel;
}
inline Panels packed_panels(const float* packed, std::int64_t k) {
  return {packed, panel_depth(k) * kPanel};
}
inline const float* packed_bias(const float* packed, std::int64_t n, std::int64_t k) {
  return packed + panel_floats(n, k);
}

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

// Gives out parts of a memory, each on a cache line; without one it counts what they take.
class Cut {
 public:
  explicit Cut(float* memory) : memory_(memory) {}
  float* take(std::int64_t floats) {
    float* part = memory_ == nullptr ? nullptr : memory_ + taken_;
    // Tiles read vectors up to a panel's end.
    if (floats > 0) taken_ += (floats + kPanel + 15) / 16 * 16;
    return part;
  }
  std::int64_t taken() const { return taken_; }

 private:
  float* memory_;
  std::int64_t taken_ = 0;
};

}  // namespace lasso::kernels::two_way

#endif  // LASSO_KERNELS_TWO_WAY_TWO_WAY_PRODUCT_H_
