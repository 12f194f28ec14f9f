// Single operations on tensors in memory, by the reference kernels of the CPU: what an importer
// knows already, and sizes that a run computes before it is bound to them.
#ifndef LASSO_KERNELS_EVALUATE_H_
#define LASSO_KERNELS_EVALUATE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace lasso::kernels {

// What may be computed: a file of a few bytes can ask for any amount.
struct WorkBudget {
  std::int64_t bytes = 0;  // of results, all together
  double flops = 0;
};

// The results of an op, whose inputs are constants (null: absent), of the types and shapes that
// `results` says. What it takes is counted off the budget; nothing where that is too little or no
// reference kernel takes the call.
std::optional<std::vector<Tensor>> evaluate(const graph::Op& op,
                                            const std::vector<const Tensor*>& inputs,
                                            const graph::Results& results, WorkBudget& budget);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_EVALUATE_H_
