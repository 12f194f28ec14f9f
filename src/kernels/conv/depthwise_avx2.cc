#include "kernels/conv/depthwise_row.h"

namespace lasso::kernels {

void depthwise_row_avx2(const DepthwiseRow& row) { depthwise_row<Avx2>(row); }

}  // namespace lasso::kernels
