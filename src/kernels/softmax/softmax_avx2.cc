#include "kernels/softmax/softmax_rows.h"

namespace lasso::kernels {

void softmax_avx2(const SoftmaxRows& rows) { softmax<Avx2>(rows); }

}  // namespace lasso::kernels
