#include "kernels/pool/pool_row.h"

namespace lasso::kernels {

void pool_row_avx2(const PoolRow& row) { pool_row<Avx2>(row); }

}  // namespace lasso::kernels
