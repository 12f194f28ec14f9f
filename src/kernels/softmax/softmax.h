// Softmax along one axis.
#ifndef LASSO_KERNELS_SOFTMAX_SOFTMAX_H_
#define LASSO_KERNELS_SOFTMAX_SOFTMAX_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y[o, k, i] = exp(x[o, k, i]) / sum_j exp(x[o, j, i]) of x [outer, count, inner].
struct SoftmaxProblem {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;
};

SoftmaxProblem make_softmax_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<SoftmaxProblem>>& softmax_kernels();

const Family& softmax_family();

// The rows of the list.
extern const Kernel<SoftmaxProblem> kSoftmaxAvx512;
extern const Kernel<SoftmaxProblem> kSoftmaxAvx2;
extern const Kernel<SoftmaxProblem> kSoftmaxRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_SOFTMAX_SOFTMAX_H_
