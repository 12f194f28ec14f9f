// The tables of operators: one for each file of functions that import nodes.
#ifndef LASSO_MODELS_ONNX_IMPORT_OPERATORS_H_
#define LASSO_MODELS_ONNX_IMPORT_OPERATORS_H_

#include <string_view>
#include <vector>

#include "models/onnx/import/node_context.h"

namespace lasso::onnx {

struct Operator {
  std::string_view op_type;
  ImportNode import;
  std::string_view domain = {};  // empty: ONNX's own
};

const std::vector<Operator>& control_operators();
const std::vector<Operator>& conv_operators();
const std::vector<Operator>& detection_operators();
const std::vector<Operator>& elementwise_operators();
const std::vector<Operator>& index_operators();
const std::vector<Operator>& layout_operators();
const std::vector<Operator>& norm_operators();
const std::vector<Operator>& part_operators();
const std::vector<Operator>& product_operators();
const std::vector<Operator>& quantize_operators();
const std::vector<Operator>& quantized_product_operators();
const std::vector<Operator>& recurrent_operators();
const std::vector<Operator>& reduce_operators();
const std::vector<Operator>& resize_operators();
const std::vector<Operator>& shape_operators();

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_OPERATORS_H_
