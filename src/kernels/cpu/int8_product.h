// Products of uint8 rows by int8 weights, on which Linear and the convolutions run: the layout of
// the weights, and the inner part, which each instruction set has of its own. Nothing here makes
// code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_CPU_INT8_PRODUCT_H_
#define LASSO_KERNELS_CPU_INT8_PRODUCT_H_

#include <cstdint>

#include "backend/target_info.h"
#include "kernels/cpu/product_results.h"

namespace lasso::kernels {

constexpr std::int64_t kInt8Panel = 64;  // columns of a panel of packed weights
constexpr std::int64_t kInt8Group = 4;   // consecutive k of a column, which one instruction sums up
// The most k of a sum: 255 * 127 k must fit into 31 bits.
constexpr std::int64_t kInt8MostInputs = 65536;

// Where packed weights W [n, k] have their elements: in panels of 64 columns n, each as [k/4, 64,
// 4], padded with zeros to whole groups and panels.
struct Int8Layout {
  Int8Layout(std::int64_t n, std::int64_t k)
      : groups((k + kInt8Group - 1) / kInt8Group),
        columns((n + kInt8Panel - 1) / kInt8Panel * kInt8Panel) {}
  std::int64_t weights() const { return columns * groups * kInt8Group; }
  std::int64_t offset(std::int64_t n, std::int64_t k) const {
    return ((n / kInt8Panel * groups + k / kInt8Group) * kInt8Panel + n % kInt8Panel) * kInt8Group +
           k % kInt8Group;
  }

  std::int64_t groups;
  std::int64_t columns;
};

// Of a tile's rows that are in one piece.
inline constexpr std::int64_t kInt8WholeRow = 0;

// A few rows of y in one strip of columns.
struct Int8Tile : ProductResults {
  // Rows of x as the instruction set reads them. They come in pieces, each of so many whole groups,
  // which begin at these distances from where a row does; distances are elements.
  const void* x = nullptr;
  std::int64_t x_stride = 0;
  std::int64_t groups = 0;
  int pieces = 1;
  const std::int64_t* piece_offsets = &kInt8WholeRow;
  const std::int8_t* weights = nullptr;  // [groups, 64, 4] from the strip's first column on
  // Of the strip's columns, padded to the panel. The correction is -zero sum_k Q[n, k], where x
  // stands for x - zero.
  const std::int32_t* correction = nullptr;
};

// What an instruction set offers.
struct Int8Isa {
  int rows = 0;     // at most, of a tile
  int columns = 0;  // of a strip; divides a panel
  // Bytes of an element of x as the tile reads it, and the rewriting of `count` elements that stand
  // for x - zero. One byte: x may be read where it lies. Two: the zero is gone.
  int x_bytes = 1;
  void (*prepare)(const std::uint8_t* x, std::int64_t count, int zero, void* prepared) = nullptr;
  void (*run)(const Int8Tile& tile) = nullptr;
  float (*quantize)(const float* x, std::int64_t count, std::uint8_t* q) = nullptr;
};
extern const Int8Isa kInt8Avx512Vnni;
extern const Int8Isa kInt8AvxVnni;
extern const Int8Isa kInt8Avx2;

// Those of kernels that need the feature, and their rate relative to fp32 with AVX2.
const Int8Isa& int8_isa(CpuFeature feature);
double int8_rate(CpuFeature feature, const backend::TargetInfo& target);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_INT8_PRODUCT_H_
