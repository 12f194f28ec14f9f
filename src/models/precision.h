// Precisions and what computes in them, for all families.
#ifndef LASSO_MODELS_PRECISION_H_
#define LASSO_MODELS_PRECISION_H_

#include "backend/target_info.h"
#include "core/dtype.h"
#include "lasso/engine.h"
#include "quant/search.h"

namespace lasso {

// The type of weights in a precision, of which kAuto is none, and the inverse.
DType weights_of(Precision precision);
Precision precision_of(DType weights);

bool is_gpu(const backend::TargetInfo& target);

// Whether the target multiplies bfloat16 numbers.
bool has_bf16(const backend::TargetInfo& target);

// What calibration chooses among on a target: int8, bfloat16 and float32 on CPUs; float16, bfloat16
// and float32 on GPUs.
quant::Candidates candidates(const backend::TargetInfo& target, bool reference);

// Throws kUnsupported where the target's fast kernels lack the precision, with what to use.
void check_precision(Precision precision, const backend::TargetInfo& target);

}  // namespace lasso

#endif  // LASSO_MODELS_PRECISION_H_
