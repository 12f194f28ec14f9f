// The inner part of Pool2d, which each instruction set has of its own. Nothing here makes code:
// files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_POOL_POOL_ISA_H_
#define LASSO_KERNELS_POOL_POOL_ISA_H_

#include <cstdint>

#include "core/dtype.h"

namespace lasso::kernels {

// The part of a window along a row of the image.
struct PoolColumn {
  std::int64_t first = 0;  // column of the image
  std::int64_t count = 0;  // of the window's columns inside of the image
  float divisor = 1;       // of a mean
};

// One row of the result. The window's rows are combined first, for the image's whole width, and the
// columns of what they give then: a window of n x n pixels takes 2 n operations.
struct PoolRow {
  const void* x = nullptr;    // the first row of the image under the window
  std::int64_t rows = 0;      // of the image under the window
  std::int64_t row_step = 0;  // distance of these rows
  const PoolColumn* columns = nullptr;
  std::int64_t column_step = 0;  // distance of the window's columns
  std::int64_t width = 0;        // of the image
  std::int64_t results = 0;      // columns of y
  std::int64_t channels = 0;
  float divisor = 1;        // of a mean, beside that of the column
  void* scratch = nullptr;  // [width, channels]
  void* y = nullptr;
  bool average = false;
  DType dtype = DType::kF32;  // of x, scratch and y
};

void pool_row_avx2(const PoolRow& row);
void pool_row_avx512(const PoolRow& row);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_POOL_POOL_ISA_H_
