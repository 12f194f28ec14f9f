#include "formats/onnx/onnx_reader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/file_kind.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

OnnxModel parse_nodes(const std::vector<std::string>& nodes) {
  return parse(onnx_model(onnx_graph({.nodes = nodes})));
}

template <typename T>
const T& value_of(const OnnxNode& node, std::string_view attribute) {
  return std::get<T>(node.find_attribute(attribute)->value);
}

TEST(OnnxReader, ReadsAllOfAModel) {
  const OnnxModel model = parse(onnx_sample_model());
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.producer_name, "test");
  ASSERT_EQ(model.opset_imports.size(), 1U);
  EXPECT_EQ(model.opset_imports[0].domain, "");
  EXPECT_EQ(model.opset_imports[0].version, 17);
  ASSERT_EQ(model.metadata_props.size(), 1U);
  EXPECT_EQ(model.metadata_props[0], (std::pair<std::string, std::string>("author", "somebody")));
  const OnnxGraph& graph = model.graph;
  EXPECT_EQ(graph.name, "main");
  ASSERT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(graph.inputs[0].name, "x");
  EXPECT_EQ(graph.inputs[0].kind, OnnxKind::kTensor);
  EXPECT_EQ(graph.inputs[0].elem_type, OnnxDataType::kFloat32);
  EXPECT_EQ(graph.inputs[0].shape, (std::vector<OnnxDim>{std::string("batch"), std::int64_t{2}}));
  ASSERT_EQ(graph.initializers.size(), 4U);
  EXPECT_EQ(graph.initializers[0].name, "w");
  EXPECT_EQ(to_tensor(graph.initializers[0]).view().as<float>()[1], 2.0F);
  EXPECT_EQ(graph.initializers[2].strings, std::vector<std::string>{"abc"});

  ASSERT_EQ(graph.nodes.size(), 3U);
  const auto& constant = value_of<OnnxTensor>(graph.nodes[0], "value");
  EXPECT_EQ(constant.data_type, OnnxDataType::kInt64);
  EXPECT_EQ(to_tensor(constant).view().as<std::int64_t>()[1], -1);
  const OnnxNode& add = graph.nodes[1];
  EXPECT_EQ(add.name, "add_0");
  EXPECT_EQ(add.op_type, "Add");
  EXPECT_EQ(add.inputs, (std::vector<std::string>{"x", "w"}));
  EXPECT_EQ(add.outputs, std::vector<std::string>{"sum"});
  EXPECT_EQ(value_of<float>(add, "alpha"), 0.5F);
  EXPECT_EQ(value_of<std::int64_t>(add, "axis"), -1);
  EXPECT_EQ(value_of<std::string>(add, "mode"), "linear");
  EXPECT_EQ(value_of<std::vector<float>>(add, "scales"), (std::vector<float>{1, 2}));
  EXPECT_EQ(value_of<std::vector<std::int64_t>>(add, "pads"), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(value_of<std::vector<std::string>>(add, "names"), std::vector<std::string>{"a"});
  EXPECT_EQ(add.find_attribute("absent"), nullptr);
  const auto& branch = value_of<std::vector<OnnxGraph>>(graph.nodes[2], "then_branch");
  ASSERT_EQ(branch.size(), 1U);
  EXPECT_EQ(branch[0].nodes[0].name, "relu_0");
}

TEST(OnnxReader, FieldsMayComeInAnyOrder) {
  const std::string node =
      wire_bytes(5, wire_number(20, 2) + wire_number(3, 4) + wire_bytes(1, "axis")) +
      wire_bytes(4, "Softmax") + wire_bytes(7, "ai.onnx") + wire_bytes(2, "y") +
      wire_number(1000, 1) + wire_bytes(1, "x") + wire_bytes(3, "last");
  const std::string graph = wire_bytes(12, onnx_value("y", 1, {})) + wire_bytes(1, node);
  const OnnxModel model =
      parse(wire_bytes(7, graph) + wire_bytes(1001, "new") +
            wire_bytes(8, wire_number(2, 13) + wire_bytes(1, "ai.onnx")) + wire_number(1, 7));
  EXPECT_EQ(model.ir_version, 7);
  EXPECT_EQ(model.opset_imports[0].domain, "") << "ONNX's own domain has two names";
  EXPECT_EQ(model.graph.nodes[0].domain, "");
  EXPECT_EQ(model.graph.nodes[0].name, "last");
  EXPECT_EQ(value_of<std::int64_t>(model.graph.nodes[0], "axis"), 4);
  EXPECT_EQ(model.graph.outputs[0].shape, std::vector<OnnxDim>()) << "a scalar";
}

TEST(OnnxReader, AttributesOfAllTypes) {
  const std::string tensor = onnx_raw_tensor("", {1}, {5});
  const std::string graph = onnx_graph({});
  const OnnxModel model = parse_nodes({onnx_node(
      "X", {}, {}, "",
      {// Numbers one by one, and pieces of lists.
       onnx_attribute("ints", 7, wire_number(8, 1) + wire_packed(8, {2, 3}) + wire_number(8, -4)),
       onnx_attribute("floats", 6, wire_float(7, 1) + wire_bytes(7, raw_bytes<float>({2}))),
       onnx_attribute("tensors", 9, wire_bytes(10, tensor) + wire_bytes(10, tensor)),
       onnx_attribute("graphs", 10, wire_bytes(11, graph) + wire_bytes(11, graph)),
       // What writers leave out.
       onnx_attribute("zero", 2, ""), onnx_attribute("none", 7, ""), onnx_attribute("text", 3, ""),
       // Any bytes.
       onnx_attribute("blob", 3, wire_bytes(4, "\xff\xfe")),
       // What is not read.
       onnx_attribute("sparse", 11, wire_bytes(22, "")),
       onnx_attribute("type", 13, wire_bytes(14, "")),
       // Files of the first version have no type.
       wire_bytes(1, "untyped") + wire_number(3, 6)})});
  const OnnxNode& node = model.graph.nodes[0];
  EXPECT_EQ(value_of<std::vector<std::int64_t>>(node, "ints"),
            (std::vector<std::int64_t>{1, 2, 3, -4}));
  EXPECT_EQ(value_of<std::vector<float>>(node, "floats"), (std::vector<float>{1, 2}));
  EXPECT_EQ(value_of<std::vector<OnnxTensor>>(node, "tensors").size(), 2U);
  EXPECT_EQ(value_of<std::vector<OnnxGraph>>(node, "graphs").size(), 2U);
  EXPECT_EQ(value_of<std::int64_t>(node, "zero"), 0);
  EXPECT_TRUE(value_of<std::vector<std::int64_t>>(node, "none").empty());
  EXPECT_EQ(value_of<std::string>(node, "text"), "");
  EXPECT_EQ(value_of<std::string>(node, "blob"), "\xff\xfe");
  EXPECT_EQ(node.find_attribute("sparse")->type, OnnxAttributeType::kSparseTensor);
  EXPECT_EQ(node.find_attribute("type")->value.index(), 0U);
  EXPECT_EQ(value_of<std::int64_t>(node, "untyped"), 6);
}

TEST(OnnxReader, TypesAndShapesOfValues) {
  const auto value = [](const std::string& type) {
    return wire_bytes(1, "v") + wire_bytes(2, type);
  };
  const OnnxModel model = parse(onnx_model(onnx_graph(
      {.inputs = {value(wire_bytes(4, "")), value(wire_bytes(5, "")), value(wire_bytes(7, "")),
                  value(wire_bytes(8, "")), value(wire_bytes(9, "")), wire_bytes(1, "v"),
                  value(wire_bytes(1, wire_number(1, 23))),
                  onnx_value("v", 16, {onnx_dim(-1), "", onnx_dim(""), onnx_dim(0)})}})));
  const std::vector<OnnxValueInfo>& inputs = model.graph.inputs;
  const std::vector<OnnxKind> kinds{OnnxKind::kSequence, OnnxKind::kMap,
                                    OnnxKind::kOpaque,   OnnxKind::kSparseTensor,
                                    OnnxKind::kOptional, OnnxKind::kUnknown};
  for (std::size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(inputs[i].kind, kinds[i]) << i;
  EXPECT_EQ(inputs[6].elem_type, OnnxDataType::kFloat4E2M1);
  EXPECT_FALSE(inputs[6].shape) << "not even the rank is known";
  EXPECT_EQ(inputs[7].shape, (std::vector<OnnxDim>{{}, {}, {}, std::int64_t{0}}));
}

TEST(OnnxReader, WhatIsRecognisedAndNotRead) {
  const std::string sparse = wire_bytes(1, onnx_raw_tensor("s", {1}, {1}));
  const OnnxModel model = parse(onnx_model(
      onnx_graph({}) + wire_bytes(15, sparse),
      wire_bytes(20, "\xff") + wire_bytes(25, wire_bytes(1, "F") + wire_bytes(10, "my.domain") +
                                                  wire_bytes(7, "\xff"))));
  EXPECT_TRUE(model.has_training_info);
  ASSERT_EQ(model.functions.size(), 1U);
  EXPECT_EQ(model.functions[0].name, "F");
  EXPECT_EQ(model.functions[0].domain, "my.domain");
  EXPECT_EQ(model.graph.sparse_initializers, std::vector<std::string>{"s"});
}

TEST(OnnxReader, ErrorsNameThePlace) {
  const auto expect = [](const std::string& bytes, const std::string& message) {
    EXPECT_ERROR(parse(bytes), ErrorCode::kCorruptFile, "m.onnx: " + message);
  };
  const auto in_node = [&](const std::string& node, const std::string& message) {
    expect(onnx_model(onnx_graph({.nodes = {onnx_node("Relu", {}, {}), node}})),
           "graph, node 1 " + message);
  };
  const auto in_attribute = [&](const std::string& attribute, const std::string& message) {
    in_node(onnx_node("Conv", {}, {}, "Conv_12", {attribute}),
            "(Conv_12), attribute kernel_shape" + message);
  };
  expect("", "graph: is missing");
  expect(wire_bytes(7, "") + wire_bytes(7, ""), "graph: is given twice");
  expect(wire_number(7, 1), "graph: a varint where a length and bytes is expected");
  expect(wire_number(1, 8) + "\x3a\x7f", "at byte 2: a length reaches beyond the end");
  expect(onnx_model("", wire_bytes(14, wire_bytes(1, "\xed\xa0\x80"))),
         "metadata_props 0: key: is not UTF-8");
  expect(onnx_model("", wire_bytes(8, wire_number(2, 18))), "opset_import 1: version: is 18, and");
  expect(onnx_model("", wire_bytes(8, wire_number(2, -1))), "opset_import 1: version: -1 is neg");

  in_node(wire_bytes(3, "n"), "(n): op_type: is missing");
  in_node(wire_bytes(4, "Conv") + wire_bytes(1, "\xff"), "(Conv): input: is not UTF-8");
  in_node(onnx_node("Conv", {}, {}, "a\nb") + wire_number(2, 1), "(a\\x0ab): output: a varint");
  in_node(onnx_node("Conv", {}, {}, "", {wire_number(20, 2)}),
          "(Conv), attribute 0: name: is miss");
  in_node(onnx_node("Conv", {}, {}, "", {onnx_attribute("a", 2, ""), onnx_attribute("a", 2, "")}),
          "(Conv), attribute a: is given twice");
  in_attribute(wire_packed(8, {3}) + wire_bytes(1, "kernel_shape") + wire_number(20, 6),
               ": ints: holds no value of type FLOATS");
  in_attribute(onnx_attribute("kernel_shape", 7, wire_bytes(8, "\x80")), ": ints: a number is cut");
  in_attribute(onnx_attribute("kernel_shape", 6, wire_bytes(7, "123")), ": floats: 3 bytes are no");
  in_attribute(wire_bytes(1, "kernel_shape"), ": type: is missing, and so is a value");
  in_attribute(onnx_attribute("kernel_shape", 4, ""), ": t: is missing");
  in_attribute(onnx_attribute("kernel_shape", 5, ""), ": g: is missing");
  in_attribute(onnx_attribute("kernel_shape", 5, wire_bytes(6, "") + wire_bytes(6, "")),
               ": g: is given twice");
  in_attribute(onnx_attribute("kernel_shape", 2, wire_bytes(21, "a")), ": ref_attr_name: refers");
  in_attribute(onnx_attribute("kernel_shape", 4, wire_bytes(5, onnx_tensor("", 1, {-2}))),
               ": dims: -2 is negative");
  in_attribute(onnx_attribute("kernel_shape", 9, wire_bytes(10, "")),
               ", tensor 0: data_type: is missing");
  in_attribute(onnx_attribute("kernel_shape", 5, wire_bytes(6, wire_bytes(1, ""))),
               ", graph, node 0: op_type: is missing");

  const auto in_graph = [&](const OnnxGraphParts& parts, const std::string& message) {
    expect(onnx_model(onnx_graph(parts)), "graph, " + message);
  };
  const std::string w = onnx_raw_tensor("w", {1}, {1});
  in_graph({.initializers = {w, w}}, "initialiser 1 (w): name: is another initialiser's, too");
  in_graph({.initializers = {onnx_raw_tensor("", {1}, {1})}}, "initialiser 0: name: is missing");
  in_graph({.initializers = {onnx_tensor("w", 1, {8}) + wire_bytes(9, "1234")}},
           "initialiser 0 (w): raw_data: 4 bytes, and type float32 and shape [8] take 32");
  in_graph({.inputs = {wire_bytes(2, "")}}, "input 0: name: is missing");
  in_graph({.inputs = {onnx_value("x", 1, {onnx_dim(-2)})}},
           "input 0 (x), type, shape, dim 0: dim_value: -2 is negative");
  in_graph({.outputs = {wire_bytes(1, "y") + wire_bytes(2, wire_bytes(1, "") + wire_bytes(4, ""))}},
           "output 0 (y), type: sequence_type: is a second type");

  EXPECT_ERROR(parse_nodes({onnx_node("X", {}, {}, "", {onnx_attribute("a", 15, "")})}),
               ErrorCode::kUnsupported, "attribute a: type: 15 is no type of ONNX 1.23");
  EXPECT_ERROR(parse(onnx_model(onnx_graph({.inputs = {onnx_value("x", 40, {})}}))),
               ErrorCode::kUnsupported, "input 0 (x), type: data_type: 40 is no type");
}

TEST(OnnxReader, GraphsInGraphsToADepthOf32) {
  const auto nested = [](int depth) {
    std::string graph = onnx_graph({});
    for (int i = 0; i < depth; ++i) {
      graph = onnx_graph({.nodes = {onnx_node("Loop", {}, {}, "",
                                              {onnx_attribute("body", 5, wire_bytes(6, graph))})}});
    }
    return onnx_model(graph);
  };
  EXPECT_EQ(parse(nested(32)).graph.nodes.size(), 1U);
  EXPECT_ERROR(parse(nested(33)), ErrorCode::kUnsupported,
               "g: graphs in graphs to a depth of more");
  EXPECT_ERROR(parse(nested(33)), ErrorCode::kUnsupported,
               "m.onnx: graph, node 0 (Loop), attribute body, graph, ..., attribute body, graph, "
               "node 0 (Loop), attribute body: ");
  EXPECT_ERROR(parse(nested(5000)), ErrorCode::kUnsupported, "depth of more than 32");
}

TEST(OnnxReader, MemoryIsBoundedByTheFile) {
  // Two bytes of a file for each of them, and dozens in memory.
  std::string empty_names;
  for (int i = 0; i < 2'200'000; ++i) empty_names += wire_bytes(1, "");
  EXPECT_ERROR(parse_nodes({empty_names + wire_bytes(4, "X")}), ErrorCode::kUnsupported,
               "graph, node 0 (X): reading a file of 4400031 bytes would take too much memory");
  std::string nodes;
  for (int i = 0; i < 300'000; ++i) nodes += wire_bytes(1, wire_bytes(4, "X"));
  EXPECT_ERROR(parse(onnx_model(nodes)), ErrorCode::kUnsupported, "would take too much memory");
}

TEST(OnnxReader, AFileThatShrinks) {
  const TempDir dir;
  const std::string path = dir / "m.onnx";
  write_bytes(path, onnx_sample_model());
  const auto file = MappedFile::open(path);
  std::filesystem::resize_file(path, file->size() - 1);
  // The rest of the last page still reads as zeros, so that something else may be found first.
  EXPECT_ERROR(read_onnx(file), ErrorCode::kCorruptFile, path + ": ");
  write_bytes(path, onnx_model(onnx_graph({}), wire_bytes(6, std::string(10, '\0'))));
  const auto other = MappedFile::open(path);
  std::filesystem::resize_file(path, other->size() - 1);
  EXPECT_ERROR(read_onnx(other), ErrorCode::kCorruptFile, "it was cut short while in use");
}

TEST(OnnxReader, FilesAreRecognisedByTheirContent) {
  const TempDir dir;
  const auto kind_of = [&](const std::string& name, const std::string& bytes) {
    write_bytes(dir / name, bytes);
    return file_kind(*MappedFile::open(dir / name));
  };
  const std::string model = onnx_sample_model();
  EXPECT_EQ(kind_of("a", model), FileKind::kOnnx);
  EXPECT_EQ(kind_of("b.pth", model.substr(0, 40)), FileKind::kOnnx) << "cut off";
  EXPECT_EQ(kind_of("c", wire_bytes(7, onnx_graph({})) + wire_number(1, 8)), FileKind::kOnnx);
  EXPECT_EQ(kind_of("d.ONNX", "????????"), FileKind::kOnnx) << "by its name, having no other mark";
  EXPECT_EQ(kind_of("e", wire_number(1, 8)), FileKind::kUnknown);
  // TensorFlow's SavedModel and Core ML begin alike.
  EXPECT_EQ(kind_of("e", wire_number(1, 1) + wire_bytes(2, "meta")), FileKind::kUnknown);
  EXPECT_EQ(kind_of("e", wire_number(1, 8) + wire_bytes(2, "") + wire_bytes(500, "")),
            FileKind::kUnknown);
  EXPECT_EQ(kind_of("f", wire_number(1, 8) + wire_number(9, 1)), FileKind::kUnknown);
  EXPECT_EQ(kind_of("g", wire_number(1, 8) + "\xff\xff"), FileKind::kUnknown);
  EXPECT_EQ(kind_of("h", wire_number(1, 0) + wire_bytes(2, "x")), FileKind::kUnknown);
  EXPECT_EQ(kind_of("i", ":hello\n"), FileKind::kUnknown);
}

}  // namespace
}  // namespace lasso
