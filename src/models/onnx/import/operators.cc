#include "models/onnx/import/operators.h"

#include <map>
#include <string>
#include <utility>

namespace lasso::onnx {

namespace {

using Key = std::pair<std::string_view, std::string_view>;

std::map<Key, ImportNode> all_operators() {
  std::map<Key, ImportNode> all;
  for (const auto* list :
       {&control_operators(), &conv_operators(), &detection_operators(), &elementwise_operators(),
        &index_operators(), &layout_operators(), &norm_operators(), &part_operators(),
        &product_operators(), &quantize_operators(), &quantized_product_operators(),
        &recurrent_operators(), &reduce_operators(), &resize_operators(), &shape_operators()}) {
    for (const Operator& one : *list) all.emplace(Key(one.domain, one.op_type), one.import);
  }
  return all;
}

}  // namespace

ImportNode find_operator(const std::string& domain, const std::string& op_type) {
  static const std::map<Key, ImportNode> all = all_operators();
  const auto it = all.find(Key(domain, op_type));
  return it == all.end() ? nullptr : it->second;
}

}  // namespace lasso::onnx
