// The inner part of a product of bfloat16 matrices. Nothing here makes code: the file compiled for
// AVX-512 BF16 includes it.
//
// VDPBF16PS adds the products of 16 pairs of bfloat16 numbers to 16 float32 sums, so that both
// factors lie in pairs along k.
#ifndef LASSO_KERNELS_CPU_PRODUCT_BF16_ISA_H_
#define LASSO_KERNELS_CPU_PRODUCT_BF16_ISA_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels::bf16 {

constexpr std::int64_t kPanel = 64;  // columns of a panel of packed weights
constexpr int kMaxTileRows = 12;

// A few rows of y in one panel.
struct Tile {
  int rows = 0;
  int columns = 0;                         // of the panel that exist
  std::int64_t pairs = 0;                  // along k
  const std::uint16_t* a = nullptr;        // [pairs, rows, 2]
  const std::uint16_t* weights = nullptr;  // [pairs, 64, 2]
  const float* bias = nullptr;             // [64]
  // Rows of y, float32 or bfloat16, and of the residual, at the panel's first column.
  void* y[kMaxTileRows] = {};
  const float* residual[kMaxTileRows] = {};
  bool has_residual = false;
  bool bf16_output = false;
  graph::Activation activation = graph::Activation::kNone;
  // What to ask for meanwhile: a part of the next panel.
  const std::uint16_t* ahead = nullptr;
  std::int64_t ahead_size = 0;
};

// Columns of a tile whose rows of A are read where they lie.
constexpr std::int64_t kWindowStrip = 32;

// A tile of no more columns than a strip, at which y, W and the bias begin. Rows of A are `stride`
// apart, and come in pieces of `pairs` each, which begin at `offsets` from where a row does.
struct WindowTile {
  Tile tile;  // without `a`, its pairs, a residual, and what lies ahead
  const std::uint16_t* x = nullptr;
  std::int64_t stride = 0;
  std::int64_t pairs = 0;
  int pieces = 1;
  const std::int64_t* offsets = nullptr;
};

struct Entry {
  // x [rows, k] as [pairs, rows, 2], the last pair filled up with zero where k is odd.
  void (*pack_rows)(const std::uint16_t* x, int rows, std::int64_t k, std::uint16_t* out);
  // To the nearest, ties to even.
  void (*round)(const float* x, std::int64_t count, std::uint16_t* out);
  void (*run)(const Tile& tile);
  void (*run_windows)(const WindowTile& tile);
};
extern const Entry kAvx512Bf16;

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_CPU_PRODUCT_BF16_ISA_H_
