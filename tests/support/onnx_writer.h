// Writes messages of Protocol Buffers, and ONNX's in particular, field by field.
#ifndef LASSO_TESTS_SUPPORT_ONNX_WRITER_H_
#define LASSO_TESTS_SUPPORT_ONNX_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace lasso::test {

inline std::string wire_varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(0x80U | (value & 0x7fU));
  return bytes + static_cast<char>(value);
}

inline std::string wire_tag(std::uint32_t number, unsigned type) {
  return wire_varint(std::uint64_t{number} << 3U | type);
}

inline std::string wire_number(std::uint32_t number, std::int64_t value) {
  return wire_tag(number, 0) + wire_varint(static_cast<std::uint64_t>(value));
}

inline std::string wire_bytes(std::uint32_t number, const std::string& bytes) {
  return wire_tag(number, 2) + wire_varint(bytes.size()) + bytes;
}

// The bytes of numbers as they are in memory: raw_data, and fields of fixed size.
template <typename T>
std::string raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::string wire_float(std::uint32_t number, float value) {
  return wire_tag(number, 5) + raw_bytes<float>({value});
}

inline std::string wire_packed(std::uint32_t number, const std::vector<std::int64_t>& values) {
  std::string bytes;
  for (const std::int64_t value : values) bytes += wire_varint(static_cast<std::uint64_t>(value));
  return wire_bytes(number, bytes);
}

// TensorProto without data, to which fields of data are appended.
inline std::string onnx_tensor(const std::string& name, int type,
                               const std::vector<std::int64_t>& dims) {
  return wire_packed(1, dims) + wire_number(2, type) + wire_bytes(8, name);
}

inline std::string onnx_raw_tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                                   const std::vector<float>& values) {
  return onnx_tensor(name, 1, dims) + wire_bytes(9, raw_bytes(values));
}

inline std::string onnx_entry(const std::string& key, const std::string& value) {
  return wire_bytes(1, key) + wire_bytes(2, value);
}

// A tensor of float32 whose data lie in another file; offset and length may be empty.
inline std::string onnx_external_tensor(const std::string& name,
                                        const std::vector<std::int64_t>& dims,
                                        const std::string& location, const std::string& offset = "",
                                        const std::string& length = "") {
  std::string tensor = onnx_tensor(name, 1, dims) + wire_number(14, 1);
  tensor += wire_bytes(13, onnx_entry("location", location));
  if (!offset.empty()) tensor += wire_bytes(13, onnx_entry("offset", offset));
  if (!length.empty()) tensor += wire_bytes(13, onnx_entry("length", length));
  return tensor;
}

// AttributeProto of a type, with the fields of its value.
inline std::string onnx_attribute(const std::string& name, int type, const std::string& value) {
  return wire_bytes(1, name) + value + wire_number(20, type);
}

// NodeProto; attributes are messages, and more fields may be appended.
inline std::string onnx_node(const std::string& op_type, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs, const std::string& name = "",
                             const std::vector<std::string>& attributes = {}) {
  std::string node;
  for (const std::string& input : inputs) node += wire_bytes(1, input);
  for (const std::string& output : outputs) node += wire_bytes(2, output);
  if (!name.empty()) node += wire_bytes(3, name);
  node += wire_bytes(4, op_type);
  for (const std::string& attribute : attributes) node += wire_bytes(5, attribute);
  return node;
}

// TensorShapeProto.Dimension: a number, or a symbol.
inline std::string onnx_dim(std::int64_t value) { return wire_number(1, value); }
inline std::string onnx_dim(const std::string& symbol) { return wire_bytes(2, symbol); }

// ValueInfoProto of a tensor.
inline std::string onnx_value(const std::string& name, int type,
                              const std::vector<std::string>& dims) {
  std::string shape;
  for (const std::string& dim : dims) shape += wire_bytes(1, dim);
  const std::string tensor = wire_number(1, type) + wire_bytes(2, shape);
  return wire_bytes(1, name) + wire_bytes(2, wire_bytes(1, tensor));
}

struct OnnxGraphParts {
  std::vector<std::string> nodes{};
  std::vector<std::string> initializers{};
  std::vector<std::string> inputs{};
  std::vector<std::string> outputs{};
};

inline std::string onnx_graph(const OnnxGraphParts& parts) {
  std::string graph;
  for (const std::string& node : parts.nodes) graph += wire_bytes(1, node);
  graph += wire_bytes(2, "main");
  for (const std::string& tensor : parts.initializers) graph += wire_bytes(5, tensor);
  for (const std::string& input : parts.inputs) graph += wire_bytes(11, input);
  for (const std::string& output : parts.outputs) graph += wire_bytes(12, output);
  return graph;
}

inline std::string onnx_model(const std::string& graph, const std::string& more = "") {
  const std::string opset = wire_number(2, 17);
  return wire_number(1, 8) + wire_bytes(2, "test") + wire_bytes(7, graph) + wire_bytes(8, opset) +
         more;
}

// Rows of x as many as its sizes say, by the arithmetic that exporters leave, through a convolution
// and a product.
inline std::string onnx_shapes_model() {
  const auto ints = [](const std::string& name, const std::vector<std::int64_t>& values) {
    return onnx_tensor(name, 7, {static_cast<std::int64_t>(values.size())}) +
           wire_packed(7, values);
  };
  const std::string axis = onnx_attribute("axis", 2, wire_number(3, 0));
  const std::string kernel = onnx_attribute("kernel_shape", 7, wire_packed(8, {1, 1}));
  return onnx_model(onnx_graph(
      {.nodes = {onnx_node("Conv", {"x", "filters"}, {"image"}, "conv", {kernel}),
                 onnx_node("Shape", {"image"}, {"shape"}),
                 onnx_node("Slice", {"shape", "zero", "one", "zero"}, {"batch"}),
                 onnx_node("Mul", {"batch", "three"}, {"rows"}),
                 onnx_node("Concat", {"rows", "open"}, {"target"}, "", {axis}),
                 onnx_node("Reshape", {"image", "target"}, {"flat"}),
                 onnx_node("MatMul", {"flat", "weights"}, {"product"}),
                 onnx_node("Sigmoid", {"product"}, {"gate"}),
                 onnx_node("Mul", {"product", "gate"}, {"y"}),
                 onnx_node("TopK", {"y", "one"}, {"best", "places"})},
       .initializers = {onnx_raw_tensor("filters", {3, 2, 1, 1}, {1, 2, 3, 4, 5, 6}),
                        onnx_raw_tensor("weights", {4, 2}, {1, 0, 0, 1, 1, 1, 0, 0}),
                        ints("zero", {0}), ints("one", {1}), ints("three", {3}),
                        ints("open", {-1})},
       .inputs = {onnx_value("x", 1, {onnx_dim("batch"), onnx_dim(2), onnx_dim(2), onnx_dim(2)})},
       .outputs = {onnx_value("best", 1, {}), onnx_value("places", 7, {})}}));
}

// y = Relu(x + w), with a constant, an If with a graph in either branch, and all kinds of values:
// what a fuzzer or a mutation may start from.
inline std::string onnx_sample_model() {
  const std::string branch =
      onnx_graph({.nodes = {onnx_node("Relu", {"sum"}, {"r"}, "relu_0")},
                  .outputs = {onnx_value("r", 1, {onnx_dim("batch"), onnx_dim(2)})}});
  const std::string ints = onnx_tensor("", 7, {2}) + wire_packed(7, {1, -1});
  const std::string halves = onnx_tensor("half", 10, {3}) + wire_packed(5, {0x3c00, 0, 0xbc00});
  const std::string texts = onnx_tensor("texts", 8, {1}) + wire_bytes(6, "abc");
  return onnx_model(
      onnx_graph({.nodes = {onnx_node("Constant", {}, {"c"}, "",
                                      {onnx_attribute("value", 4, wire_bytes(5, ints))}),
                            onnx_node("Add", {"x", "w"}, {"sum"}, "add_0",
                                      {onnx_attribute("alpha", 1, wire_float(2, 0.5F)),
                                       onnx_attribute("axis", 2, wire_number(3, -1)),
                                       onnx_attribute("mode", 3, wire_bytes(4, "linear")),
                                       onnx_attribute("scales", 6,
                                                      wire_bytes(7, raw_bytes<float>({1, 2}))),
                                       onnx_attribute("pads", 7, wire_packed(8, {0, 1})),
                                       onnx_attribute("names", 8, wire_bytes(9, "a"))}),
                            onnx_node("If", {"flag"}, {"y"}, "if_0",
                                      {onnx_attribute("then_branch", 5, wire_bytes(6, branch)),
                                       onnx_attribute("else_branch", 5, wire_bytes(6, branch))})},
                  .initializers = {onnx_raw_tensor("w", {2}, {1, 2}), halves, texts,
                                   onnx_tensor("flag", 9, {}) + wire_packed(5, {1})},
                  .inputs = {onnx_value("x", 1, {onnx_dim("batch"), onnx_dim(2)})},
                  .outputs = {onnx_value("y", 1, {onnx_dim("batch"), onnx_dim(2)})}}),
      wire_bytes(14, onnx_entry("author", "somebody")));
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_ONNX_WRITER_H_
