// Nodes whose inputs are known while a model is imported, computed by the reference kernels.
#ifndef LASSO_MODELS_ONNX_IMPORT_EVALUATE_H_
#define LASSO_MODELS_ONNX_IMPORT_EVALUATE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace lasso::onnx {

// What an import may compute: a file of a few bytes can ask for any amount.
struct FoldingBudget {
  std::int64_t bytes = 0;  // of results, all together
  double flops = 0;
};

// The results of an op, whose inputs are constants (null: absent), of the types and shapes that
// `results` says. What it takes is counted off the budget; nothing where that is too little or no
// reference kernel takes the call.
std::optional<std::vector<Tensor>> evaluate(const graph::Op& op,
                                            const std::vector<const Tensor*>& inputs,
                                            const graph::Results& results, FoldingBudget& budget);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_EVALUATE_H_
