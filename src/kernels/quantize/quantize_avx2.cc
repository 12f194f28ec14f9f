#include "kernels/quantize/quantize_rows.h"

namespace lasso::kernels {

void quantize_avx2(const QuantizeRows& rows) { quantize<Avx2>(rows); }
void quantize_tensor_avx2(const QuantizeRun& run) { quantize_tensor<Avx2>(run); }
void cast_avx2(const CastRun& run) { cast<Avx2>(run); }

}  // namespace lasso::kernels
