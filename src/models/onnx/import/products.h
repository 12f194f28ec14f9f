// Products that several operators are made of.
#ifndef LASSO_MODELS_ONNX_IMPORT_PRODUCTS_H_
#define LASSO_MODELS_ONNX_IMPORT_PRODUCTS_H_

#include "models/onnx/import/node_context.h"

namespace lasso::onnx {

// NumPy's matmul of float32 values.
graph::ValueId matrix_product(NodeContext& n, graph::ValueId a, graph::ValueId b);

// What Conv makes of a node's attributes: x, which has the shape of the node's input 0, is
// [B, C, ...], weights [N, C/group, ...], the bias [N] or kNoValue; all float32.
graph::ValueId convolved(NodeContext& n, graph::ValueId x, graph::ValueId weights,
                         graph::ValueId bias);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_PRODUCTS_H_
