#include "kernels/norm/norm.h"

#include "core/check.h"

namespace lasso::kernels {

LayerNormProblem make_layer_norm_problem(const Call& call) {
  const auto& op = std::get<graph::LayerNorm>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  LASSO_CHECK(!x.empty() && x.back() > 0, ErrorCode::kInternal, "layer_norm: x {}", to_string(x));
  return {.rows = element_count(x) / x.back(),
          .channels = x.back(),
          .epsilon = op.epsilon,
          .activation = op.activation,
          .output = op.output};
}

const std::vector<Kernel<LayerNormProblem>>& layer_norm_kernels() {
  static const std::vector<Kernel<LayerNormProblem>> list{kLayerNormAvx512, kLayerNormAvx2,
                                                          kLayerNormRef};
  return list;
}

const Family& layer_norm_family() {
  static const ListFamily<LayerNormProblem> family("layer_norm", layer_norm_kernels(),
                                                   make_layer_norm_problem);
  return family;
}

}  // namespace lasso::kernels
