#include "kernels/elementwise/elementwise.h"

#include "core/check.h"

namespace lasso::kernels {

BinaryProblem make_binary_problem(const graph::Binary& op, const Dims& a, const Dims& b) {
  return {.kind = op.kind,
          .activation = op.activation,
          .loops = broadcast_loops(graph::to_string(op.kind), {a, b}),
          .dtype = DType::kF32};
}

const std::vector<Kernel<BinaryProblem>>& binary_kernels() {
  static const std::vector<Kernel<BinaryProblem>> list{kBinaryAvx512, kBinaryAvx2, kBinaryLoops,
                                                       kBinaryRef};
  return list;
}

const std::vector<Kernel<UnaryProblem>>& unary_kernels() {
  static const std::vector<Kernel<UnaryProblem>> list{kUnaryAvx512, kUnaryAvx2, kUnaryRef};
  return list;
}

const std::vector<Kernel<LeakyReluProblem>>& leaky_relu_kernels() {
  static const std::vector<Kernel<LeakyReluProblem>> list{kLeakyReluAvx512, kLeakyReluAvx2,
                                                          kLeakyReluRef};
  return list;
}

const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_kernels() {
  static const std::vector<Kernel<FourierFeaturesProblem>> list{kFourierFeaturesRef};
  return list;
}

const Family& binary_family() {
  static const ListFamily<BinaryProblem> family("binary", binary_kernels(), [](const Call& call) {
    BinaryProblem problem = make_binary_problem(std::get<graph::Binary>(call.op),
                                                call.inputs.at(0).dims, call.inputs.at(1).dims);
    problem.dtype = call.inputs[0].dtype;
    return problem;
  });
  return family;
}

const Family& unary_family() {
  static const ListFamily<UnaryProblem> family("unary", unary_kernels(), [](const Call& call) {
    return UnaryProblem{.kind = std::get<graph::Unary>(call.op).kind,
                        .count = element_count(call.inputs.at(0).dims),
                        .dtype = call.inputs[0].dtype};
  });
  return family;
}

const Family& leaky_relu_family() {
  static const ListFamily<LeakyReluProblem> family(
      "leaky_relu", leaky_relu_kernels(), [](const Call& call) {
        return LeakyReluProblem{.count = element_count(call.inputs.at(0).dims),
                                .slope = std::get<graph::LeakyRelu>(call.op).slope};
      });
  return family;
}

const Family& fourier_features_family() {
  static const ListFamily<FourierFeaturesProblem> family(
      "fourier_features", fourier_features_kernels(), [](const Call& call) {
        const Dims& x = call.inputs.at(0).dims;
        const Dims& m = call.inputs.at(1).dims;
        LASSO_CHECK(!x.empty() && m.size() == 2 && x.back() == m[0] && m[0] > 0,
                    ErrorCode::kInternal, "fourier_features: x {} and M {}", to_string(x),
                    to_string(m));
        return FourierFeaturesProblem{
            .rows = element_count(x) / m[0], .dims = m[0], .features = m[1]};
      });
  return family;
}

}  // namespace lasso::kernels
