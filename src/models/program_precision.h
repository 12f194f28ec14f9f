// Which layers of a program are computed in lower precision, whatever model it is of.
#ifndef LASSO_MODELS_PROGRAM_PRECISION_H_
#define LASSO_MODELS_PROGRAM_PRECISION_H_

#include "backend/target_info.h"
#include "graph/graph.h"
#include "lasso/engine.h"
#include "quant/precision_plan.h"

namespace lasso {

// The same layers in the same numbers as of a SAM checkpoint, told by what they are: linear layers
// in the precision; the convolutions between them and attention in 16 bits, beside int8 in
// bfloat16, where such products are faster, or were asked for. What reads pixels stays in float32,
// on GPUs in float16, as do depthwise and grouped convolutions on CPUs. Throws kUnsupported for
// what the target lacks, and kInvalidArgument for kAuto, and for kInt8 of a detector, whose
// convolutions need the ranges that calibration finds.
quant::PrecisionPlan program_precision(const graph::Graph& program, Precision precision,
                                       const backend::TargetInfo& target, bool reference);

}  // namespace lasso

#endif  // LASSO_MODELS_PROGRAM_PRECISION_H_
