#include "kernels/quantize/quantize_rows.h"

namespace lasso::kernels {

void quantize_avx512(const QuantizeRows& rows) { quantize<Avx512>(rows); }
void quantize_tensor_avx512(const QuantizeRun& run) { quantize_tensor<Avx512>(run); }
void cast_avx512(const CastRun& run) { cast<Avx512>(run); }

}  // namespace lasso::kernels
