#include "kernels/gemm/product_tile.h"

namespace lasso::kernels {

// Twelve rows and two vectors: 24 accumulators of 32 registers.
const ProductIsa kProductAvx512{.rows = 12, .run = run_up_to<Avx512, 12>};

}  // namespace lasso::kernels
