// Which layers of an imported model are computed in lower precision.
#ifndef LASSO_MODELS_ONNX_PRECISION_H_
#define LASSO_MODELS_ONNX_PRECISION_H_

#include "backend/target_info.h"
#include "graph/graph.h"
#include "lasso/engine.h"
#include "quant/precision_plan.h"

namespace lasso::onnx {

// In bf16 and fp16 all linear layers and convolutions with weights, and attention; in int8 the
// linear layers, with the rest in float32. Throws kUnsupported for what the target lacks, and
// kInvalidArgument for kAuto.
quant::PrecisionPlan precision_plan(const graph::Graph& program, Precision precision,
                                    const backend::TargetInfo& target, bool reference);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_PRECISION_H_
