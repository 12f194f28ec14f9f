#include "kernels/gemm_bf16/gemm_bf16.h"

#include "core/check.h"
#include "kernels/constant.h"

namespace lasso::kernels {

LinearBf16Problem make_linear_bf16_problem(const Call& call) {
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  const auto& op = std::get<graph::Linear>(call.op);
  LASSO_CHECK(!x.empty() && w.size() == 2 && x.back() == w[1], ErrorCode::kInternal,
              "linear: x {} and weights {}", to_string(x), to_string(w));
  LinearBf16Problem problem;
  problem.n = w[0];
  problem.k = w[1];
  problem.m = 1;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) problem.m *= x[i];
  problem.bias = has_operand(call.inputs, 2);
  problem.residual = has_operand(call.inputs, 3);
  LASSO_CHECK(call.inputs[1].constant && (!problem.bias || call.inputs[2].constant),
              ErrorCode::kUnsupported, "linear in bfloat16 needs constant weights");
  problem.activation = op.activation;
  problem.output = op.output;
  problem.input = call.inputs[0].dtype;
  return problem;
}

const std::vector<Kernel<LinearBf16Problem>>& linear_bf16_kernels() {
  static const std::vector<Kernel<LinearBf16Problem>> list{kLinearBf16OneDnn, kLinearBf16Product,
                                                           kLinearBf16Ref};
  return list;
}

const Family& linear_bf16_family() {
  static const ListFamily<LinearBf16Problem> family("linear_bf16", linear_bf16_kernels(),
                                                    make_linear_bf16_problem, [](const Call&) {
                                                      return std::vector<std::size_t>{1, 2};
                                                    });
  return family;
}

}  // namespace lasso::kernels
