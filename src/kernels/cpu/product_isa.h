// The inner part of a product, which each instruction set has of its own. Nothing here makes code:
// files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_CPU_PRODUCT_ISA_H_
#define LASSO_KERNELS_CPU_PRODUCT_ISA_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels {

constexpr std::int64_t kPanel = 64;  // columns of a panel of packed weights
constexpr int kMaxTileRows = 12;

// A few rows of y in one panel.
struct ProductTile {
  int rows = 0;
  int columns = 0;  // of the panel that exist
  // A's row i is the `segments` pieces a[s * rows + i] of `depth` floats, one after the other.
  int segments = 1;
  std::int64_t depth = 0;
  const float* const* a = nullptr;
  const float* weights = nullptr;  // [segments * depth, 64]
  const float* bias = nullptr;     // [64]
  float* const* y = nullptr;       // rows of y and of r at the panel's first column
  const float* const* residual = nullptr;
  // A sum over k may be taken in several parts: all but the first add to what y holds, and the last
  // applies the bias, the activation and the residual.
  bool first = true;
  bool last = true;
  graph::Activation activation = graph::Activation::kNone;
};

// What an instruction set offers.
struct ProductIsa {
  int rows = 0;  // at most, of a tile
  void (*run)(const ProductTile& tile) = nullptr;
  // Float32 to bfloat16, to the nearest, ties to even.
  void (*round)(const float* x, std::int64_t count, std::uint16_t* y) = nullptr;
  // Float32 to uint8: quant::quantize() with the reciprocal of the scheme's scale.
  void (*quantize)(const float* x, std::int64_t count, float inverse, int zero,
                   std::uint8_t* q) = nullptr;
  // The float32 values that bfloat16 numbers stand for.
  void (*widen)(const std::uint16_t* x, std::int64_t count, float* y) = nullptr;
  // The same of a panel's rows [depth / 2 rounded up, 64, 2], as rows [depth, 64].
  void (*widen_panel)(const std::uint16_t* pairs, std::int64_t depth, float* y) = nullptr;
};
extern const ProductIsa kProductAvx2;
extern const ProductIsa kProductAvx512;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_PRODUCT_ISA_H_
