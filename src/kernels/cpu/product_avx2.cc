#include "kernels/cpu/product_tile.h"

namespace lasso::kernels {

// Six rows and two vectors: twelve accumulators of sixteen registers.
const ProductIsa kProductAvx2 = make_product_isa<Avx2, 6>();

}  // namespace lasso::kernels
