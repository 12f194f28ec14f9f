#include "kernels/two_way/two_way_product.h"

#include <algorithm>

#include "kernels/cpu/transpose.h"

namespace lasso::kernels::two_way {

void multiply(const ProductIsa& isa, const Step& step) {
  constexpr float kNoBias[kPanel] = {};
  const std::int64_t tiles = (step.rows + isa.rows - 1) / isa.rows;
  for (std::int64_t column = 0; column < step.columns; column += kPanel) {
    const std::int64_t panel = column / kPanel;
    ProductTile tile;
    tile.columns = static_cast<int>(std::min(kPanel, step.columns - column));
    tile.depth = step.depth;
    tile.weights = step.weights.data + panel * step.weights.panel;
    tile.bias = step.bias == nullptr ? kNoBias : step.bias + column;
    tile.first = !step.adds;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const std::int64_t row = step.rows * i / tiles;
      tile.rows = static_cast<int>(step.rows * (i + 1) / tiles - row);
      const float* a[kMaxTileRows];
      float* y[kMaxTileRows];
      const float* residual[kMaxTileRows];
      for (int r = 0; r < tile.rows; ++r) {
        a[r] = step.a.row(row + r);
        y[r] = step.y.data + (row + r) * step.y.stride + panel * step.y.panel;
        if (step.residual.data != nullptr) residual[r] = step.residual.row(row + r) + column;
      }
      tile.a = a;
      tile.y = y;
      tile.residual = step.residual.data == nullptr ? nullptr : residual;
      isa.run(tile);
    }
  }
}

void multiply_columns(const ProductIsa& isa, Step step, std::int64_t column) {
  const Panels weights = step.weights;
  const float* bias = step.bias;
  float* y = step.y.data;
  for (std::int64_t done = 0, left = step.columns; left > 0;) {
    const std::int64_t at = column + done;
    step.columns = std::min(left, kPanel - at % kPanel);
    step.weights = weights.from(0, at);
    step.bias = bias == nullptr ? nullptr : bias + at;
    step.y.data = y + done;
    multiply(isa, step);
    done += step.columns;
    left -= step.columns;
  }
}

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
