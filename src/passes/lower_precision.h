// Lower precisions: which linear layers take bfloat16 or int8 weights and which convolutions
// bfloat16 ones, and what stands between them.
#ifndef LASSO_PASSES_LOWER_PRECISION_H_
#define LASSO_PASSES_LOWER_PRECISION_H_

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::passes {

struct LayerPrecision {
  DType weights = DType::kF32;  // or bfloat16, or, of a linear layer, int8
  // For int8: what the layer's inputs are divided by before they are rounded, and the columns of W
  // multiplied by [K], so that both have less to lose ("SmoothQuant", Xiao et al., 2023). Empty: 1.
  std::vector<float> smoothing;
};

struct PrecisionPlan {
  // By the name of the weights' constant. Layers that are not named keep float32.
  std::map<std::string, LayerPrecision> layers;
  DType attention = DType::kF32;  // of WindowAttention: float32 or bfloat16
};

}  // namespace lasso::passes

#endif  // LASSO_PASSES_LOWER_PRECISION_H_
