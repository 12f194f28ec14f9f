#include "kernels/norm/norm_rows.h"

namespace lasso::kernels {

void layer_norm_avx2(const LayerNormRows& rows) { layer_norm<Avx2>(rows); }

}  // namespace lasso::kernels
