#include "kernels/cpu/block_product.h"

#include <algorithm>

namespace lasso::kernels::block {

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
    tile.activation = step.activation;
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

}  // namespace lasso::kernels::block
