#include "kernels/two_way/two_way_product.h"

#include <algorithm>

#include "kernels/cpu/transpose.h"

namespace lasso::kernels::two_way {

void head_panels(Rows tokens, std::int64_t count, std::int64_t heads, std::int64_t head_dim,
                 float scale, float* panels) {
  std::fill_n(panels, head_panel_floats(count, heads, head_dim), 0.0F);
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t j = 0; j < count; ++j) {
      const float* from = tokens.row(j) + head * head_dim;
      float* to = panels + j / kPanel * head_dim * kPanel + j % kPanel;
      for (std::int64_t i = 0; i < head_dim; ++i) to[i * kPanel] = from[i] * scale;
    }
    panels += panel_count(count) * head_dim * kPanel;
  }
}

void fold(const ProductIsa& isa, Rows tokens, std::int64_t count, std::int64_t heads,
          std::int64_t head_dim, std::int64_t channels, float scale, Panels weights, float* scratch,
          float* panels) {
  const std::int64_t rows = heads * count;
  for (std::int64_t head = 0; head < heads; ++head) {
    multiply(isa, {.rows = count,
                   .columns = channels,
                   .depth = head_dim,
                   .a = tokens.columns(head * head_dim),
                   .weights = weights.from(head * head_dim, 0),
                   .y = {scratch + head * count * channels, channels}});
  }
  for (std::int64_t i = 0; i < rows * channels; ++i) scratch[i] *= scale;
  for (std::int64_t row = 0; row < rows; row += kPanel) {
    const std::int64_t together = std::min(kPanel, rows - row);
    float* panel = panels + row * channels;
    if (together < kPanel) std::fill_n(panel, kPanel * channels, 0.0F);
    transpose_block(scratch + row * channels, channels, together, channels, panel, kPanel);
  }
}

void add_rows(Rows x, Rows p, std::int64_t count, std::int64_t columns, float* y) {
  for (std::int64_t row = 0; row < count; ++row, y += columns) {
    const float* a = x.row(row);
    const float* b = p.row(row);
    for (std::int64_t c = 0; c < columns; ++c) y[c] = a[c] + b[c];
  }
}

void copy_panels(Rows x, std::int64_t count, std::int64_t columns, float* y, std::int64_t panel) {
  for (std::int64_t column = 0; column < columns; column += kPanel, y += panel) {
    const std::int64_t width = std::min(kPanel, columns - column);
    for (std::int64_t row = 0; row < count; ++row) {
      std::copy_n(x.row(row) + column, width, y + row * kPanel);
      std::fill_n(y + row * kPanel + width, kPanel - width, 0.0F);
    }
  }
}

}  // namespace lasso::kernels::two_way
