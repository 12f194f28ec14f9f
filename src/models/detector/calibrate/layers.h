// Which of a detector's layers run in which precision.
#ifndef LASSO_MODELS_DETECTOR_CALIBRATE_LAYERS_H_
#define LASSO_MODELS_DETECTOR_CALIBRATE_LAYERS_H_

#include <string>
#include <vector>

#include "backend/target_info.h"
#include "core/dtype.h"
#include "graph/graph.h"
#include "quant/precision_plan.h"

namespace lasso::detector {

// The weights of the convolutions whose precision is chosen, in the program's order: those of one
// group that do not read pixels, and whose results other layers with weights read. What is behind
// the last ones, which make the maps of boxes and scores, is not rounded to 8 bits.
std::vector<std::string> lowerable_layers(const graph::Graph& program);

// Lowers to a type of 16 bits the other layers that the target computes in it.
void lower_the_rest(const graph::Graph& program, const backend::TargetInfo& target, DType half,
                    quant::PrecisionPlan& plan);

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_CALIBRATE_LAYERS_H_
