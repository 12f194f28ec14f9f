// The loops of Softmax for each instruction set.
#ifndef LASSO_KERNELS_SOFTMAX_SOFTMAX_ISA_H_
#define LASSO_KERNELS_SOFTMAX_SOFTMAX_ISA_H_

#include <cstdint>

namespace lasso::kernels {

// Along columns of x [count, inner], of which `columns` are computed; rows lie one after another
// where inner is 1, and there are `columns` of them.
struct SoftmaxRows {
  const float* x = nullptr;
  float* y = nullptr;
  std::int64_t count = 0;
  std::int64_t inner = 1;
  std::int64_t columns = 0;
};

void softmax_avx2(const SoftmaxRows& rows);
void softmax_avx512(const SoftmaxRows& rows);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_SOFTMAX_SOFTMAX_ISA_H_
