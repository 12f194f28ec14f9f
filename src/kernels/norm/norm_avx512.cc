#include "kernels/norm/norm_rows.h"

namespace lasso::kernels {

void layer_norm_avx512(const LayerNormRows& rows) { layer_norm<Avx512>(rows); }

}  // namespace lasso::kernels
