#include "kernels/two_way/two_way_code.h"

namespace lasso::kernels {

const TwoWayIsa kTwoWayAvx512 = make_two_way_isa<Avx512>();

}  // namespace lasso::kernels
