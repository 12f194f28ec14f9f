#include "kernels/resize/resize_row.h"

namespace lasso::kernels {

void resize_row_avx512(const ResizeRow& row) { resize_row<Avx512>(row); }

}  // namespace lasso::kernels
