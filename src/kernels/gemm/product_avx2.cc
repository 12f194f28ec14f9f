#include "kernels/gemm/product_tile.h"

namespace lasso::kernels {

// Six rows and two vectors: twelve accumulators of sixteen registers.
const ProductIsa kProductAvx2{.rows = 6, .run = run_up_to<Avx2, 6>};

}  // namespace lasso::kernels
