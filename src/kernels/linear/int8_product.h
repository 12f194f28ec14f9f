// The inner part of an int8 product, which each instruction set has of its own. Nothing here makes
// code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_LINEAR_INT8_PRODUCT_H_
#define LASSO_KERNELS_LINEAR_INT8_PRODUCT_H_

#include <cstdint>

#include "core/dtype.h"
#include "graph/op.h"

namespace lasso::kernels {

constexpr std::int64_t kInt8Panel = 64;  // columns of a panel of packed weights
constexpr std::int64_t kInt8Group = 4;   // consecutive k of a column, which one instruction sums up

// A few rows of y in one strip of columns.
struct Int8Tile {
  int rows = 0;
  int columns = 0;          // of the strip that exist
  std::int64_t groups = 0;  // ceil(k / 4)
  const void* x = nullptr;  // rows as the instruction set reads them, of whole groups
  std::int64_t x_stride = 0;
  const float* x_scales = nullptr;
  const std::int8_t* weights = nullptr;  // [groups, 64, 4] from the strip's first column on
  // Of the strip's columns, padded to the panel. The correction is -128 sum_k Q[n, k].
  const std::int32_t* correction = nullptr;
  const float* scales = nullptr;
  const float* bias = nullptr;
  const float* output_gain = nullptr;  // null: ones
  const float* residual = nullptr;     // null: none
  std::int64_t residual_stride = 0;
  void* y = nullptr;  // float32 or bfloat16
  std::int64_t y_stride = 0;
  bool bf16 = false;
  // The result is rounded to bfloat16 or uint8, which an approximate GELU does not change.
  bool narrow = false;
  graph::Activation activation = graph::Activation::kNone;
};

// What an instruction set offers.
struct Int8Isa {
  int rows = 0;     // at most, of a tile
  int columns = 0;  // of a strip; divides a panel
  // Bytes of an element of x as the tile reads it, and the rewriting of `count` elements, padded
  // with what stands for zeros to whole groups. One byte: x may be read where it lies, if k is
  // whole groups.
  int x_bytes = 1;
  void (*prepare)(const std::uint8_t* x, std::int64_t count, void* prepared) = nullptr;
  void (*run)(const Int8Tile& tile) = nullptr;
  float (*quantize)(const float* x, std::int64_t count, std::uint8_t* q) = nullptr;
};
extern const Int8Isa kInt8Avx512Vnni;
extern const Int8Isa kInt8AvxVnni;
extern const Int8Isa kInt8Avx2;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_INT8_PRODUCT_H_
