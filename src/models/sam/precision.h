// Which of SAM's layers run in which precision.
#ifndef LASSO_MODELS_SAM_PRECISION_H_
#define LASSO_MODELS_SAM_PRECISION_H_

#include <string>
#include <vector>

#include "backend/target_info.h"
#include "core/dtype.h"
#include "lasso/engine.h"
#include "models/sam/checkpoint/config.h"
#include "quant/precision_plan.h"

namespace lasso::sam {

// The type of weights in a precision, of which kAuto is none, and the inverse.
DType weights_of(Precision precision);
Precision precision_of(DType weights);

// The weights of the linear layers whose precision is chosen, in the order of the encoder: those of
// its blocks, where 95% of the work is.
std::vector<std::string> lowerable_layers(const SamConfig& config);

// Lowers to bfloat16 what is not chosen layer by layer: attention and neck of the encoder, and the
// mask decoder's large layers. The patch embedding keeps float32: to round pixels costs masks more
// than it saves time.
void lower_the_rest(const SamConfig& config, quant::PrecisionPlan& plan);

// All lowerable layers in one precision, and the rest lowered where the target's instructions for
// bfloat16 are faster than those for float32; elsewhere, in bf16, attention and neck alone. Throws
// kUnsupported for bf16 on a CPU without AVX-512 BF16, unless the reference kernels run it.
quant::PrecisionPlan precision_plan(const SamConfig& config, Precision precision,
                                    const backend::TargetInfo& target, bool reference);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_PRECISION_H_
