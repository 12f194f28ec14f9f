// Layer normalisation.
#ifndef LASSO_KERNELS_NORM_NORM_H_
#define LASSO_KERNELS_NORM_NORM_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta) for each row of x [rows,
// channels]. Inputs x, gamma [channels], beta [channels]. y is float32 (then it may be x),
// bfloat16, float16, or uint8 with a second output, scales [rows], as graph::Quantize makes them.
struct LayerNormProblem {
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  float epsilon = 1e-6F;
  graph::Activation activation = graph::Activation::kNone;
  DType output = DType::kF32;
};

LayerNormProblem make_layer_norm_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<LayerNormProblem>>& layer_norm_kernels();

const Family& layer_norm_family();

// The rows of the list.
extern const Kernel<LayerNormProblem> kLayerNormAvx512;
extern const Kernel<LayerNormProblem> kLayerNormAvx2;
extern const Kernel<LayerNormProblem> kLayerNormRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NORM_NORM_H_
