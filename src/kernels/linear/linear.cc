#include "kernels/linear/linear.h"

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

LinearProblem make_linear_problem(const Call& call) {
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  const auto& op = std::get<graph::Linear>(call.op);
  LASSO_CHECK(!x.empty() && w.size() == 2 && x.back() == w[1], ErrorCode::kInternal,
              "linear: x {} and weights {}", to_string(x), to_string(w));
  LinearProblem problem;
  problem.n = w[0];
  problem.k = w[1];
  problem.m = 1;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) problem.m *= x[i];
  problem.bias = has_operand(call.inputs, 2);
  problem.residual = has_operand(call.inputs, 3);
  problem.gain = has_operand(call.inputs, 5);
  problem.output_gain = has_operand(call.inputs, 6);
  problem.activation = op.activation;
  problem.weights = op.weights;
  problem.input = call.inputs[0].dtype;
  problem.output = op.output;
  for (const std::size_t i : {1, 2, 5, 6}) {
    problem.packed = problem.packed && (!has_operand(call.inputs, i) || call.inputs[i].constant);
  }
  LASSO_CHECK(problem.packed || op.weights == DType::kF32, ErrorCode::kUnsupported,
              "linear in {} needs constant weights", to_string(op.weights));
  return problem;
}

const std::vector<Kernel<LinearProblem>>& linear_kernels() {
  static const std::vector<Kernel<LinearProblem>> list{
      kLinearOneDnn,     kLinearProductAvx512,  kLinearProductAvx2,       kLinearBf16Amx,
      kLinearBf16OneDnn, kLinearBf16Product,    kLinearBf16WidenedAvx512, kLinearBf16WidenedAvx2,
      kLinearInt8Amx,    kLinearInt8Avx512Vnni, kLinearInt8AvxVnni,       kLinearInt8Avx2,
      kLinearRef};
  return list;
}

const Family& linear_family() {
  static const ListFamily<LinearProblem> family(
      "linear", linear_kernels(), make_linear_problem, [](const Call& call) {
        const LinearProblem p = make_linear_problem(call);
        if (!p.packed) return std::vector<std::size_t>{};
        return p.weights == DType::kI8 ? std::vector<std::size_t>{1, 2, 5, 6}
                                       : std::vector<std::size_t>{1, 2};
      });
  return family;
}

}  // namespace lasso::kernels
