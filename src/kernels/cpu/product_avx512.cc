#include "kernels/cpu/product_tile.h"

namespace lasso::kernels {

// Six rows and four vectors: 24 accumulators of 32 registers.
const ProductIsa kProductAvx512 = make_product_isa<Avx512, 6>();

}  // namespace lasso::kernels
