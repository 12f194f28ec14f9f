// Which of SAM's layers run in which precision.
#ifndef LASSO_MODELS_SAM_PRECISION_H_
#define LASSO_MODELS_SAM_PRECISION_H_

#include <string>
#include <vector>

#include "backend/target_info.h"
#include "core/dtype.h"
#include "lasso/engine.h"
#include "models/precision.h"
#include "models/sam/checkpoint/config.h"
#include "quant/precision_plan.h"

namespace lasso::sam {

// The weights of the linear layers whose precision is chosen, in the order of the encoder: those of
// its blocks, where 95% of the work is.
std::vector<std::string> lowerable_layers(const SamConfig& config);

// Lowers to bfloat16 or float16 what is not chosen layer by layer: attention and neck of the
// encoder, and the mask decoder's large layers; on a GPU, and in float16, which no CPU computes,
// all of the decoder's attention that reads or makes image tokens. The patch embedding keeps
// float32 on a CPU, since to round pixels to bfloat16 costs masks more than it saves time, and has
// float16 on a GPU.
void lower_the_rest(const SamConfig& config, const backend::TargetInfo& target, DType half,
                    quant::PrecisionPlan& plan);

// All lowerable layers in one precision, and the rest lowered where the target's instructions for
// bfloat16 are faster than those for float32; elsewhere, in bf16, attention and neck alone. Throws
// kUnsupported for bf16 on a CPU without AVX-512 BF16 or a GPU below sm_80, for fp16 on a CPU, and
// for int8 on a GPU; but the reference kernels run all of them.
quant::PrecisionPlan precision_plan(const SamConfig& config, Precision precision,
                                    const backend::TargetInfo& target, bool reference);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_PRECISION_H_
