#include "kernels/pool/pool_row.h"

namespace lasso::kernels {

void pool_row_avx512(const PoolRow& row) { pool_row<Avx512>(row); }

}  // namespace lasso::kernels
