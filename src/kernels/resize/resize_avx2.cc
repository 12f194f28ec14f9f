#include "kernels/resize/resize_row.h"

namespace lasso::kernels {

void resize_row_avx2(const ResizeRow& row) { resize_row<Avx2>(row); }

}  // namespace lasso::kernels
