// The softmax of two-way attention, which each instruction set has of its own. Nothing here makes
// code: the file compiled for AVX-512 includes it.
#ifndef LASSO_KERNELS_TWO_WAY_TWO_WAY_ISA_H_
#define LASSO_KERNELS_TWO_WAY_TWO_WAY_ISA_H_

#include <cstdint>

namespace lasso::kernels {

struct TwoWayIsa {
  // Softmax over `count` rows, for each of `columns` columns. Rows are `stride` floats apart, a
  // multiple of 16; what stands behind the columns up to there is overwritten.
  void (*softmax_columns)(float* x, std::int64_t count, std::int64_t columns, std::int64_t stride);
  // The weights of `count` more pixels in the sums of each of `columns` columns: x = exp(x - max)
  // for the largest number of the column so far, `max`, and their sum in `sum`; `factor` is what
  // sums up to here are to be multiplied with. Rows as above, and what stands behind the columns in
  // max, sum and factor is overwritten, too. Where nothing came before, max is a number below all
  // others and sum is 0.
  void (*weigh_columns)(float* x, std::int64_t count, std::int64_t columns, std::int64_t stride,
                        float* max, float* sum, float* factor);
};
extern const TwoWayIsa kTwoWayAvx2;
extern const TwoWayIsa kTwoWayAvx512;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_TWO_WAY_TWO_WAY_ISA_H_
