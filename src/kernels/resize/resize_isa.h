// The inner part of Resize, which each instruction set has of its own. Nothing here makes code:
// files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_RESIZE_RESIZE_ISA_H_
#define LASSO_KERNELS_RESIZE_RESIZE_ISA_H_

#include <cstdint>

namespace lasso::kernels {

constexpr int kMostTaps = 4;

// One row of the result: the sum of weights[k] row[places[k]] over k < taps, where row is the sum
// of row_weights[k] rows[k]; of one tap, whose weights are 1, row[places[0]] with row = rows[0].
struct ResizeRow {
  int taps = 1;                       // 1, 2 or 4
  const float* rows[kMostTaps] = {};  // of the image
  float row_weights[kMostTaps] = {};
  std::int64_t row_floats = 0;  // of a row of the image
  // Where pixels of the result find theirs in a row of the image, in floats; or, where `channels`
  // is 1, where elements find theirs, of which the tables hold whole vectors.
  const std::int32_t* places[kMostTaps] = {};
  const float* weights[kMostTaps] = {};
  // Where a vector of elements begins to find them, if places are counted from there; null: from
  // the row's beginning.
  const std::int32_t* windows = nullptr;
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  float* scratch = nullptr;  // [row_floats]
  float* y = nullptr;
};

void resize_row_avx2(const ResizeRow& row);
void resize_row_avx512(const ResizeRow& row);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_ISA_H_
