#include "formats/onnx/check_onnx.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

OnnxModel check(const OnnxGraphParts& parts) {
  return check_onnx(parse(onnx_model(onnx_graph(parts))));
}

void expect_corrupt(const OnnxGraphParts& parts, const std::string& message) {
  EXPECT_ERROR(check(parts), ErrorCode::kCorruptFile, "m.onnx: graph, " + message);
}

std::string names_of(const OnnxGraph& graph) {
  std::string names;
  for (const OnnxNode& node : graph.nodes) names += node.name;
  return names;
}

std::string node(const std::string& name, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs,
                 const std::vector<std::string>& attributes = {}) {
  return onnx_node("Op", inputs, outputs, name, attributes);
}

std::string body(const OnnxGraphParts& parts) {
  return onnx_attribute("body", 5, wire_bytes(6, onnx_graph(parts)));
}

const std::string kX = onnx_value("x", 1, {});
const std::string kW = onnx_raw_tensor("w", {}, {1});

TEST(CheckOnnx, AnOrderThatIsRightStays) {
  const OnnxModel model =
      check({.nodes = {node("a", {"x"}, {"1"}), node("c", {"w", ""}, {"2"}),
                       node("b", {"1", "2"}, {"3", "", ""}), node("d", {"1"}, {"y"})},
             .initializers = {kW},
             .inputs = {kX},
             .outputs = {onnx_value("y", 1, {}), onnx_value("x", 1, {}), onnx_value("w", 1, {})}});
  EXPECT_EQ(names_of(model.graph), "acbd");
}

TEST(CheckOnnx, NodesInAnyOrderAreSorted) {
  // Of those that may come next, the one that stands first does.
  const OnnxModel model =
      check({.nodes = {node("e", {"4", "5"}, {"y"}), node("f", {"x"}, {"5"}),
                       node("d", {"3"}, {"4"}), node("c", {"x", "2"}, {"3"}),
                       node("b", {"1"}, {"2"}), node("a", {"x"}, {"1"}), node("g", {"x"}, {"z"})},
             .inputs = {kX},
             .outputs = {onnx_value("y", 1, {})}});
  EXPECT_EQ(names_of(model.graph), "fabcdeg");
}

TEST(CheckOnnx, GraphsInGraphsSeeWhatIsAroundThem) {
  // The inner graph takes x, w and the result of a node that comes after the one which holds it.
  const std::string inner =
      body({.nodes = {node("q", {"p", "v"}, {"r"}), node("p", {"x", "w", "i"}, {"p"})},
            .inputs = {onnx_value("i", 7, {})},
            .outputs = {onnx_value("r", 1, {}), onnx_value("x", 1, {})}});
  const OnnxModel model = check({.nodes = {node("a", {}, {"y"}, {inner}), node("b", {}, {"v"})},
                                 .initializers = {kW},
                                 .inputs = {kX},
                                 .outputs = {onnx_value("y", 1, {})}});
  EXPECT_EQ(names_of(model.graph), "ba");
  const auto& graphs =
      std::get<std::vector<OnnxGraph>>(model.graph.nodes[1].find_attribute("body")->value);
  EXPECT_EQ(names_of(graphs[0]), "pq");
  // What is inside is not seen from outside.
  expect_corrupt({.nodes = {node("a", {}, {"y"}, {body({.nodes = {node("p", {}, {"p"})}})}),
                            node("b", {"p"}, {"z"})}},
                 "node 1 (b): input 0: nothing gives the value p");
  expect_corrupt({.nodes = {node("a", {}, {"y"}, {body({.nodes = {node("p", {"u"}, {"p"})}})})}},
                 "node 0 (a), attribute body, graph 0, node 0 (p): input 0: nothing gives the "
                 "value u");
  expect_corrupt({.nodes = {node("a", {}, {"y"}, {body({.outputs = {onnx_value("u", 1, {})}})})}},
                 "node 0 (a), attribute body, graph 0, output 0 (u): nothing gives the value");
}

TEST(CheckOnnx, ValuesThatNothingGives) {
  expect_corrupt({.nodes = {node("a", {"x", "u"}, {"y"})}, .inputs = {kX}},
                 "node 0 (a): input 1: nothing gives the value u");
  expect_corrupt({.nodes = {onnx_node("Relu", {"u\n"}, {"y"})}},
                 "node 0 (Relu): input 0: nothing gives the value u\\x0a");
  expect_corrupt({.outputs = {onnx_value("y", 1, {})}}, "output 0 (y): nothing gives the value");
}

TEST(CheckOnnx, ValuesThatTwoThingsGive) {
  expect_corrupt({.nodes = {node("a", {}, {"y"}), node("b", {}, {"z", "y"})}},
                 "node 1 (b): output y is already given by node 0 (a)");
  expect_corrupt({.nodes = {node("a", {}, {"y", "y"})}},
                 "node 0 (a): output y is already given by node 0 (a)");
  expect_corrupt({.nodes = {node("a", {}, {"x"})}, .inputs = {kX}},
                 "node 0 (a): output x is already given by an input or initialiser");
  expect_corrupt({.nodes = {node("a", {}, {"w"})}, .initializers = {kW}},
                 "node 0 (a): output w is already given by an input or initialiser");
  expect_corrupt({.inputs = {kX, kX}}, "input 1 (x): is another input's name, too");
  // An initialiser is the default of the input of its name.
  check({.initializers = {kW}, .inputs = {onnx_value("w", 1, {})}});
}

TEST(CheckOnnx, CirclesAreNamed) {
  expect_corrupt({.nodes = {node("a", {"y"}, {"y"})}}, "node 0 (a): needs its own result");
  expect_corrupt({.nodes = {node("s", {"3"}, {"y"}), node("a", {"3"}, {"1"}),
                            node("b", {"1"}, {"2"}), node("c", {"2"}, {"3"})}},
                 "node 3 (c): needs its own result by way of node 2 (b), node 1 (a)");
  // Through a graph that takes the result of the node which holds it.
  expect_corrupt({.nodes = {node("a", {}, {"y"}, {body({.nodes = {node("p", {"y"}, {"p"})}})})}},
                 "node 0 (a): needs its own result");
  std::vector<std::string> ring;
  for (int i = 0; i < 1000; ++i) {
    ring.push_back(node("n", {std::to_string(i)}, {std::to_string((i + 1) % 1000)}));
  }
  expect_corrupt({.nodes = ring}, "node 0 (n): needs its own result by way of node 999 (n), node");
}

TEST(CheckOnnx, NamesWhatIsNotSupported) {
  const std::string sparse = wire_bytes(1, onnx_raw_tensor("s", {1}, {1}));
  const std::string function = wire_bytes(1, "F") + wire_bytes(10, "my");
  const std::string call = onnx_node("F", {}, {"1"}, "call") + wire_bytes(7, "my");
  const std::string inner =
      body({.nodes = {onnx_node("Constant", {}, {"k"}, "k",
                                {onnx_attribute("sparse_value", 11, wire_bytes(22, ""))})}});
  const std::string graph =
      onnx_graph({.nodes = {node("a", {"s"}, {"y"}), call, node("c", {"s"}, {"2"}, {inner}),
                            onnx_node("F", {}, {"3"})}}) +
      wire_bytes(15, sparse);
  const OnnxModel model = check_onnx(
      parse(onnx_model(graph, wire_bytes(25, function) + wire_bytes(25, wire_bytes(1, "G")))));
  EXPECT_EQ(unsupported_parts(model),
            (std::vector<std::string>{"sparse initialiser s: node 0 (a)",
                                      "function my.F of the model's own: node 1 (call)",
                                      "sparse tensor, attribute sparse_value: node 0 (k)"}));
  EXPECT_TRUE(
      unsupported_parts(check({.nodes = {node("a", {"x"}, {"y"})}, .inputs = {kX}})).empty());
}

}  // namespace
}  // namespace lasso
