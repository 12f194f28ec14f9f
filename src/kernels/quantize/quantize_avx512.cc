#include "kernels/quantize/quantize_rows.h"

namespace lasso::kernels {

void quantize_avx512(const QuantizeRows& rows) { quantize<Avx512>(rows); }
void cast_avx512(const CastRun& run) { cast<Avx512>(run); }

}  // namespace lasso::kernels
