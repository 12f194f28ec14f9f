#include "kernels/softmax/softmax.h"

#include "core/check.h"

namespace lasso::kernels {

SoftmaxProblem make_softmax_problem(const Call& call) {
  const Dims& x = call.inputs.at(0).dims;
  const auto axis = static_cast<std::size_t>(std::get<graph::Softmax>(call.op).axis);
  LASSO_CHECK(axis < x.size(), ErrorCode::kInternal, "softmax: axis {} of {}", axis, to_string(x));
  SoftmaxProblem problem;
  for (std::size_t i = 0; i < x.size(); ++i) {
    (i < axis ? problem.outer : i == axis ? problem.count : problem.inner) *= x[i];
  }
  return problem;
}

const std::vector<Kernel<SoftmaxProblem>>& softmax_kernels() {
  static const std::vector<Kernel<SoftmaxProblem>> list{kSoftmaxAvx512, kSoftmaxAvx2, kSoftmaxRef};
  return list;
}

const Family& softmax_family() {
  static const ListFamily<SoftmaxProblem> family("softmax", softmax_kernels(),
                                                 make_softmax_problem);
  return family;
}

}  // namespace lasso::kernels
