// Graphs that nodes have as attributes: branches, and what loops repeat.
#include <utility>

#include "formats/text.h"
#include "models/onnx/import/importer.h"

namespace lasso::onnx {

using graph::kNoValue;
using graph::ValueId;

std::optional<std::vector<Operand>> Importer::import_body(const OnnxGraph& body,
                                                          const std::string& place,
                                                          const std::vector<Operand>& arguments) {
  LASSO_CHECK(body.inputs.size() == arguments.size(), ErrorCode::kCorruptFile,
              "{}: a graph of {} inputs, {} are expected", place, body.inputs.size(),
              arguments.size());
  const std::string outer = place_;
  const std::size_t before = unsupported_.size();
  place_ += place + ", ";
  scopes_.emplace_back();
  for (std::size_t i = 0; i < arguments.size(); ++i) define(body.inputs[i].name, arguments[i]);
  for (const OnnxTensor& tensor : body.initializers) {
    if (scopes_.back().count(tensor.name) == 0) add_initializer(tensor);
  }
  for (std::size_t i = 0; i < body.nodes.size(); ++i) import_node(body.nodes[i], i);
  std::vector<Operand> results;
  bool is_whole = unsupported_.size() == before;
  for (const OnnxValueInfo& info : body.outputs) {
    results.push_back(operand(info.name));
    is_whole = is_whole && !results.back().is_missing;
  }
  scopes_.pop_back();
  place_ = outer;
  if (!is_whole) return {};
  return results;
}

ValueId Importer::as_float(ValueId integers) const {
  const auto it = as_float_.find(integers);
  return it == as_float_.end() ? kNoValue : it->second;
}

}  // namespace lasso::onnx
