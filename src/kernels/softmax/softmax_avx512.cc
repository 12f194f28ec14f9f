#include "kernels/softmax/softmax_rows.h"

namespace lasso::kernels {

void softmax_avx512(const SoftmaxRows& rows) { softmax<Avx512>(rows); }

}  // namespace lasso::kernels
