#include "kernels/gemm_int8/gemm_int8.h"

#include <utility>

#include "core/check.h"
#include "kernels/constant.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

LinearInt8Problem make_linear_int8_problem(const Call& call) {
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  const auto& op = std::get<graph::Linear>(call.op);
  LASSO_CHECK(!x.empty() && w.size() == 2 && x.back() == w[1], ErrorCode::kInternal,
              "linear: x {} and weights {}", to_string(x), to_string(w));
  LinearInt8Problem problem;
  problem.n = w[0];
  problem.k = w[1];
  problem.m = 1;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) problem.m *= x[i];
  problem.bias = has_operand(call.inputs, 2);
  problem.residual = has_operand(call.inputs, 3);
  problem.gain = has_operand(call.inputs, 5);
  problem.output_gain = has_operand(call.inputs, 6);
  for (const std::size_t i : {1, 2, 5, 6}) {
    LASSO_CHECK(!has_operand(call.inputs, i) || call.inputs[i].constant, ErrorCode::kUnsupported,
                "linear in int8: input {} must be constant", i);
  }
  problem.activation = op.activation;
  problem.output = op.output;
  return problem;
}

Int8Weights quantize_weights(const LinearInt8Problem& p, const std::vector<TensorView>& constants) {
  const auto values = [&](std::size_t index, std::int64_t count, float absent) {
    std::vector<float> result(static_cast<std::size_t>(count), absent);
    if (index < constants.size() && constants[index].data != nullptr) {
      read_f32(constants[index], result.data());
    }
    return result;
  };
  quant::Int8Weights weights = quant::quantize_weights(constants.at(0), values(2, p.k, 1.0F));
  Int8Weights result;
  result.q = std::move(weights.q);
  result.scales = std::move(weights.scales);
  result.bias = values(1, p.n, 0.0F);
  result.output_gain = values(3, p.n, 1.0F);
  return result;
}

const std::vector<Kernel<LinearInt8Problem>>& linear_int8_kernels() {
  static const std::vector<Kernel<LinearInt8Problem>> list{
      kLinearInt8Avx512Vnni, kLinearInt8AvxVnni, kLinearInt8Avx2, kLinearInt8Ref};
  return list;
}

const Family& linear_int8_family() {
  static const ListFamily<LinearInt8Problem> family("linear_int8", linear_int8_kernels(),
                                                    make_linear_int8_problem, [](const Call&) {
                                                      return std::vector<std::size_t>{1, 2, 5, 6};
                                                    });
  return family;
}

}  // namespace lasso::kernels
