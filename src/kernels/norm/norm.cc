#include "kernels/norm/norm.h"

#include <algorithm>

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

AddNormProblem make_add_norm_problem(const Call& call) {
  const auto& op = std::get<graph::AddNorm>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  LASSO_CHECK(!x.empty() && x.back() > 0, ErrorCode::kInternal, "add_norm: x {}", to_string(x));
  const auto rows_of = [&](std::size_t i) -> std::int64_t {
    if (i >= call.inputs.size() || !call.inputs[i].present) return 0;
    // There is a row even where x has none.
    return std::max<std::int64_t>(element_count(call.inputs[i].dims) / x.back(), 1);
  };
  return {.rows = element_count(x) / x.back(),
          .channels = x.back(),
          .epsilon = op.epsilon,
          .residual_rows = rows_of(3),
          .shift_rows = rows_of(4),
          .keep = op.keep,
          .rounded = op.rounded,
          .output = op.output};
}

const std::vector<Kernel<LayerNormProblem>>& layer_norm_kernels() {
  static const std::vector<Kernel<LayerNormProblem>> list{kLayerNormAvx512, kLayerNormAvx2,
                                                          kLayerNormRef};
  return list;
}

const std::vector<Kernel<AddNormProblem>>& add_norm_kernels() {
  static const std::vector<Kernel<AddNormProblem>> list{kAddNormRef};
  return list;
}

const Family& add_norm_family() {
  static const ListFamily<AddNormProblem> family("add_norm", add_norm_kernels(),
                                                 make_add_norm_problem);
  return family;
}

const Family& layer_norm_family() {
  static const ListFamily<LayerNormProblem> family("layer_norm", layer_norm_kernels(),
                                                   make_layer_norm_problem);
  return family;
}

}  // namespace lasso::kernels
