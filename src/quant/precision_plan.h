// Which layers of a module run in which precision.
#ifndef LASSO_QUANT_PRECISION_PLAN_H_
#define LASSO_QUANT_PRECISION_PLAN_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "graph/graph.h"

namespace lasso::quant {

// Whether a convolution with these weights reads the pixels of an image: of so few channels are
// images, and in a depthwise convolution's weights there is one.
inline bool reads_pixels(const graph::Value& weights, std::int64_t groups) {
  constexpr std::int64_t kMostImageChannels = 4;
  return groups == 1 && weights.constant && weights.constant->dims.at(1) <= kMostImageChannels;
}

// What numbers lie between; of `low` > `high` there are none.
struct Range {
  float low = 0;
  float high = -1;

  bool operator==(const Range&) const = default;
};

// What covers both, of which either may be of nothing.
inline Range united(const Range& a, const Range& b) {
  if (a.low > a.high) return b;
  if (b.low > b.high) return a;
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

struct LayerPrecision {
  DType weights = DType::kF32;  // or bfloat16, float16, int8
  // For int8: what the layer's inputs are divided by before they are rounded, and the columns of W
  // multiplied by [K], so that both have less to lose ("SmoothQuant", Xiao et al., 2023). Empty: 1.
  std::vector<float> smoothing = {};  // of a linear layer
  Range input = {};                   // of a convolution in int8: what it reads
};

struct PrecisionPlan {
  // By the name of the weights' constant. Layers that are not named keep float32.
  std::map<std::string, LayerPrecision> layers;
  // Of WindowAttention: float32, bfloat16 or float16. Where a layer in the other type of 16 bits
  // makes what it reads, it takes that one.
  DType window_attention = DType::kF32;
  // Of those Attention ops that read what a layer in this type makes; the others keep float32.
  DType attention = DType::kF32;
};

// All the named layers in one type.
inline PrecisionPlan uniform_plan(const std::vector<std::string>& layers, DType weights) {
  PrecisionPlan plan;
  if (weights == DType::kF32) return plan;
  for (const std::string& name : layers) plan.layers[name].weights = weights;
  return plan;
}

}  // namespace lasso::quant

#endif  // LASSO_QUANT_PRECISION_PLAN_H_
