#include "kernels/two_way/two_way_code.h"

namespace lasso::kernels {

const TwoWayIsa kTwoWayAvx2 = make_two_way_isa<Avx2>();

}  // namespace lasso::kernels
