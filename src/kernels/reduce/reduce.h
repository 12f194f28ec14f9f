// Reductions: one number for many.
#ifndef LASSO_KERNELS_REDUCE_REDUCE_H_
#define LASSO_KERNELS_REDUCE_REDUCE_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// A dimension of the input: its size, and the distance of its elements.
struct ReduceLoop {
  std::int64_t count = 1;
  std::int64_t stride = 1;
};

// graph::Reduce: for every position of the loops that are kept, outermost first, the reduction over
// all positions of the others. Input and result are float32 or int32, or another type, which no
// kernel takes.
struct ReduceProblem {
  graph::ReduceKind kind = graph::ReduceKind::kSum;
  std::vector<ReduceLoop> kept;
  std::vector<ReduceLoop> reduced;
  DType dtype = DType::kF32;

  std::int64_t results() const;
  std::int64_t terms() const;  // of each result
};

ReduceProblem make_reduce_problem(const graph::Reduce& op, const Dims& x,
                                  DType dtype = DType::kF32);

// Best first, reference last.
const std::vector<Kernel<ReduceProblem>>& reduce_kernels();

const Family& reduce_family();

// The rows of the list.
extern const Kernel<ReduceProblem> kReduceAvx2;
extern const Kernel<ReduceProblem> kReduceRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_REDUCE_REDUCE_H_
