#include "kernels/conv/depthwise_row.h"

namespace lasso::kernels {

void depthwise_row_avx512(const DepthwiseRow& row) { depthwise_row<Avx512>(row); }

}  // namespace lasso::kernels
