// Models of a few nodes, and what importing makes of them.
#ifndef LASSO_MODELS_ONNX_IMPORT_IMPORT_TEST_H_
#define LASSO_MODELS_ONNX_IMPORT_IMPORT_TEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/convert.h"
#include "models/onnx/import/importer.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso::onnx::test {

using namespace lasso::test;  // NOLINT(google-build-using-namespace)

inline graph::Graph imported(const std::string& bytes, const FixedInputs& fixed = {},
                             const FixedSizes& sizes = {}) {
  return import_model(parse(bytes), fixed, sizes);
}

inline std::string integers(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::vector<std::int64_t>& values, int type = 7) {
  return onnx_tensor(name, type, dims) + wire_packed(type == 7 ? 7 : 5, values);
}

inline std::string integer_attribute(const std::string& name, std::int64_t value) {
  return onnx_attribute(name, 2, wire_number(3, value));
}
inline std::string integers_attribute(const std::string& name,
                                      const std::vector<std::int64_t>& values) {
  return onnx_attribute(name, 7, wire_packed(8, values));
}
inline std::string text_attribute(const std::string& name, const std::string& text) {
  return onnx_attribute(name, 3, wire_bytes(4, text));
}
inline std::string graph_attribute(const std::string& name, const std::string& graph) {
  return onnx_attribute(name, 5, wire_bytes(6, graph));
}

// The numbers of an output that importing has computed.
inline std::vector<float> known_numbers(const graph::Graph& graph, std::size_t output) {
  graph::ValueId id = graph.outputs.at(output);
  while (!graph.value(id).constant) {
    bool found = false;
    for (const graph::Node& node : graph.nodes) {
      if (node.outputs.front() != id) continue;
      id = node.inputs.front();
      found = true;
      break;
    }
    if (!found) return {};  // an input: nothing is known
  }
  const Tensor& tensor = *graph.value(id).constant;
  if (tensor.dtype != DType::kI32) return read_f32(tensor.view());
  const auto* first = tensor.view().as<std::int32_t>();
  return {first, first + element_count(tensor.dims)};
}

// Results of nodes whose inputs are all constants: outputs are y0, y1, ... of the types.
inline std::vector<std::vector<float>> computed(const std::vector<std::string>& nodes,
                                                const std::vector<std::string>& constants,
                                                const std::vector<int>& types = {1}) {
  std::vector<std::string> outputs;
  for (std::size_t i = 0; i < types.size(); ++i) {
    outputs.push_back(onnx_value("y" + std::to_string(i), types[i], {}));
  }
  const graph::Graph graph =
      imported(onnx_model(onnx_graph({.nodes = nodes,
                                      .initializers = constants,
                                      .inputs = {onnx_value("unused", 1, {onnx_dim(1)})},
                                      .outputs = outputs})));
  std::vector<std::vector<float>> results;
  for (std::size_t i = 0; i < types.size(); ++i) results.push_back(known_numbers(graph, i));
  return results;
}

}  // namespace lasso::onnx::test

#endif  // LASSO_MODELS_ONNX_IMPORT_IMPORT_TEST_H_
