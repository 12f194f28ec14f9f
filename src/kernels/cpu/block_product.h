// Products of rows that lie in the caches with panels of 64 columns, on the tiles of product_isa.h:
// the steps of kernels that take a block of rows through several layers. With panels that were
// packed, or that are made on the way.
#ifndef LASSO_KERNELS_CPU_BLOCK_PRODUCT_H_
#define LASSO_KERNELS_CPU_BLOCK_PRODUCT_H_

#include <cstdint>

#include "graph/op.h"
#include "kernels/cpu/product.h"

namespace lasso::kernels::block {

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
  graph::Activation activation = graph::Activation::kNone;
};

// y = activation(a weights + bias) + residual.
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

}  // namespace lasso::kernels::block

#endif  // LASSO_KERNELS_CPU_BLOCK_PRODUCT_H_
