// Which of SAM's layers run in which precision.
#ifndef LASSO_MODELS_SAM_PRECISION_H_
#define LASSO_MODELS_SAM_PRECISION_H_

#include <string>
#include <vector>

#include "core/isa.h"
#include "lasso/engine.h"
#include "models/sam/config.h"
#include "passes/lower_precision.h"

namespace lasso::sam {

// The weights of the linear layers that may be lowered, in the order of the encoder: those of its
// blocks, where 95% of the work is. The patch embedding, the neck and the decoder keep float32.
std::vector<std::string> lowerable_layers(const SamConfig& config);

// All of them in one precision, and attention in bfloat16 where the instructions are there. Throws
// kUnsupported for bf16 on a CPU without AVX-512 BF16, unless the reference kernels run it.
passes::PrecisionPlan precision_plan(const SamConfig& config, Precision precision, Isa isa,
                                     bool reference);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_PRECISION_H_
