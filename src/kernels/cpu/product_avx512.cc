#include "kernels/cpu/product_tile.h"

namespace lasso::kernels {

// Twelve rows and two vectors: 24 accumulators of 32 registers.
const ProductIsa kProductAvx512 = make_product_isa<Avx512, 12>();

}  // namespace lasso::kernels
