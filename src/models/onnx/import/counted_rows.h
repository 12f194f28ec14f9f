// Sizes that depend on data. While a model is imported, a symbol stands for each, so that it is
// seen wherever shapes are computed from it.
#ifndef LASSO_MODELS_ONNX_IMPORT_COUNTED_ROWS_H_
#define LASSO_MODELS_ONNX_IMPORT_COUNTED_ROWS_H_

#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::onnx {

struct CountedSize {
  std::string symbol;
  graph::Dim capacity;
  graph::ValueId count = graph::kNoValue;  // how much of the capacity there is
};

// The graph with capacities in place of the symbols. Outputs have their counts, which become
// outputs, too, behind the model's. Throws kUnsupported, with the model's path, for what is
// computed from rows that are not there, and for outputs whose rows are not the first dimension.
graph::Graph with_capacities(graph::Graph graph, const std::vector<CountedSize>& sizes,
                             const std::string& path);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_COUNTED_ROWS_H_
