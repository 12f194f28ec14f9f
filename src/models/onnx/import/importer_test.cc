#include "models/onnx/import/importer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/computed_sizes.h"
#include "lasso/error.h"
#include "support/errors.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso::onnx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

graph::Graph imported(const std::string& bytes, const FixedInputs& fixed = {}) {
  return import_model(parse(bytes), fixed);
}

std::string model_of(const std::vector<std::string>& nodes) {
  return onnx_model(onnx_graph({.nodes = nodes,
                                .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)}),
                                           onnx_value("s", 7, {onnx_dim(2)})},
                                .outputs = {onnx_value("y", 1, {})}}));
}

TEST(Importer, ComputesShapesWithSymbols) {
  const graph::Graph graph = imported(onnx_shapes_model());
  EXPECT_EQ(graph.name, "main");
  ASSERT_EQ(graph.outputs.size(), 2U);
  // [batch, 3, 2, 2] as [3 batch, 4], of which the best of two products is taken.
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[3*batch, 1]");
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "best");
  EXPECT_EQ(graph.value(graph.outputs[1]).dtype, DType::kI64);
}

TEST(Importer, ConstantsHaveNamesOfTheirOwn) {
  std::vector<std::string> nodes;
  std::string sum = "x";
  for (const char* name : {"value", "value", "value.2", "", "", "value"}) {
    const auto number = static_cast<float>(nodes.size());
    const std::string tensor = onnx_raw_tensor(name, {2, 4}, std::vector<float>(8, number));
    const std::string value = onnx_attribute("value", 4, wire_bytes(5, tensor));
    nodes.push_back(onnx_node("Constant", {}, {sum + "c"}, "", {value}));
    nodes.push_back(onnx_node("Add", {sum, sum + "c"}, {sum + "+"}));
    sum += "+";
  }
  const graph::Graph graph =
      imported(onnx_model(onnx_graph({.nodes = nodes,
                                      .inputs = {onnx_value("x", 1, {onnx_dim(2), onnx_dim(4)})},
                                      .outputs = {onnx_value(sum, 1, {})}})));
  std::vector<std::string> names;
  for (const graph::Value& value : graph.values) {
    if (value.constant) names.push_back(value.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"value", "value.2", "value.2.2", "constant",
                                             "constant.2", "value.3"}));
}

TEST(Importer, NamesAllThatIsMissing) {
  const std::string bytes =
      model_of({onnx_node("Foo", {"x"}, {"a"}, "foo"), onnx_node("Relu", {"a"}, {"b"}),
                onnx_node("Bar", {"b"}, {"y"}, "bar")});
  EXPECT_ERROR(
      imported(bytes), ErrorCode::kUnsupported,
      "not supported: node 0 (foo, Foo): there is no such operator here; node 2 (bar, Bar)");
}

TEST(Importer, BrokenNodesAreNamed) {
  EXPECT_ERROR(imported(model_of({onnx_node("Relu", {}, {"y"}, "r")})), ErrorCode::kCorruptFile,
               "node 0 (r, Relu): input 0 is missing");
  const std::string axis = onnx_attribute("axis", 2, wire_number(3, 7));
  EXPECT_ERROR(imported(model_of({onnx_node("Softmax", {"x"}, {"y"}, "", {axis})})),
               ErrorCode::kCorruptFile, "node 0 (Softmax): axis 7 of 2 dimensions");
}

TEST(Importer, FixesInputsThatShapesNeed) {
  const std::string bytes = model_of({onnx_node("Reshape", {"x", "s"}, {"y"}, "view")});
  EXPECT_ERROR(imported(bytes), ErrorCode::kUnsupported,
               "node 0 (view, Reshape): the shape is computed from data (s)");
  const std::vector<std::int64_t> values{2, -1};
  Tensor sizes{DType::kI64, {2}, std::shared_ptr<const void>(&values, [](const void*) {}), {}};
  sizes.data = std::shared_ptr<const void>(values.data(), [](const void*) {});
  const graph::Graph graph = imported(bytes, {{"s", sizes}});
  EXPECT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[2, 2*n]");
  EXPECT_ERROR(imported(bytes, {{"z", sizes}}), ErrorCode::kInvalidArgument, "no input \"z\"");
  sizes.dtype = DType::kI32;
  EXPECT_ERROR(imported(bytes, {{"s", sizes}}), ErrorCode::kInvalidArgument,
               "input \"s\" is int64, and int32 is given");
}

// A size that inputs decide is a symbol, which a graph of its own computes; one element is one
// symbol, whoever asks for it, and what it is cut from is its most.
TEST(Importer, InputsDecideSizes) {
  const std::string zero = onnx_tensor("zero", 7, {1}) + wire_packed(7, {0});
  const std::string one = onnx_tensor("one", 7, {1}) + wire_packed(7, {1});
  const std::string two = onnx_tensor("two", 7, {1}) + wire_packed(7, {2});
  const graph::Graph graph = imported(onnx_model(onnx_graph(
      {.nodes = {onnx_node("Slice", {"s", "one", "two"}, {"end"}),
                 onnx_node("Add", {"s", "one"}, {"more"}),
                 onnx_node("Slice", {"w", "zero", "end", "one"}, {"y"}),
                 onnx_node("Expand", {"x", "s"}, {"z"}), onnx_node("Expand", {"x", "more"}, {"u"})},
       .initializers = {zero, one, two},
       .inputs = {onnx_value("x", 1, {onnx_dim(1), onnx_dim(1)}),
                  onnx_value("w", 1, {onnx_dim(1), onnx_dim(9)}),
                  onnx_value("s", 7, {onnx_dim(2)})},
       .outputs = {onnx_value("y", 1, {}), onnx_value("z", 1, {}), onnx_value("u", 1, {})}})));
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[1, s_1]");
  EXPECT_EQ(to_string(graph.value(graph.outputs[1]).shape), "[s_0, s_1]");
  EXPECT_EQ(to_string(graph.value(graph.outputs[2]).shape), "[size_2, size_3]");
  EXPECT_EQ(graph.computed.symbols, (std::vector<std::string>{"s_1", "s_0", "size_2", "size_3"}));
  EXPECT_EQ(graph::range_of(graph.profile, "s_1").max, 9);
  EXPECT_EQ(graph::range_of(graph.profile, "s_0").max, graph::kMaxSymbol);
  EXPECT_EQ(graph::reads_values(*graph.computed.graph), (std::vector<bool>{false, false, true}));
}

// Whatever a whole image is needed for is no size.
TEST(Importer, SizesOfLargeInputsAreRefused) {
  const std::string bytes = onnx_model(
      onnx_graph({.nodes = {onnx_node("ReduceSum", {"image"}, {"sum"}),
                            onnx_node("Expand", {"x", "sum"}, {"y"})},
                  .inputs = {onnx_value("image", 7, {onnx_dim(1), onnx_dim(100), onnx_dim(100)}),
                             onnx_value("x", 1, {onnx_dim(1), onnx_dim(1), onnx_dim(1)})},
                  .outputs = {onnx_value("y", 1, {})}}));
  EXPECT_ERROR(imported(bytes), ErrorCode::kUnsupported, "the shape is computed from data (sum)");
}

// What a node takes of an open size, the size must have: the program says so.
TEST(Importer, OpenSizesHaveALeast) {
  const std::string sizes = onnx_tensor("two", 7, {1}) + wire_packed(7, {2});
  const std::string none = onnx_tensor("zero", 7, {1}) + wire_packed(7, {0});
  const auto least = [&](const std::string& node) {
    const graph::Graph graph = imported(
        onnx_model(onnx_graph({.nodes = {node},
                               .initializers = {sizes, none},
                               .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
                               .outputs = {onnx_value("y", 1, {})}})));
    return graph::least_sizes(graph).at("n");
  };
  EXPECT_EQ(least(onnx_node("Relu", {"x"}, {"y"})), 1);
  EXPECT_EQ(least(onnx_node("Slice", {"x", "zero", "two", "zero"}, {"y"})), 2);  // x[0:2]
  EXPECT_EQ(least(onnx_node("Gather", {"x", "two"}, {"y"})), 3);                 // x[[2]]
  // Windows of 3 at every 4th place, of which there are floor((n + 1)/4).
  const std::string pool = onnx_node("MaxPool", {"image"}, {"y"}, "",
                                     {onnx_attribute("kernel_shape", 7, wire_packed(8, {3})),
                                      onnx_attribute("strides", 7, wire_packed(8, {4}))});
  const graph::Graph graph = imported(onnx_model(
      onnx_graph({.nodes = {pool},
                  .inputs = {onnx_value("image", 1, {onnx_dim(1), onnx_dim(1), onnx_dim("n")})},
                  .outputs = {onnx_value("y", 1, {})}})));
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[1, 1, floor((n + 1)/4)]");
  EXPECT_EQ(graph::least_sizes(graph).at("n"), 3);
  // (n - 5) / 2, which is towards zero for an n below 5 and no floor.
  const graph::Graph half = imported(onnx_model(onnx_graph(
      {.nodes =
           {onnx_node("Shape", {"x"}, {"shape"}), onnx_node("Gather", {"shape", "zero"}, {"n"}),
            onnx_node("Sub", {"n", "five"}, {"rest"}), onnx_node("Div", {"rest", "two"}, {"half"}),
            onnx_node("Cast", {"half"}, {"y"}, "", {onnx_attribute("to", 2, wire_number(3, 1))})},
       .initializers = {sizes, none, onnx_tensor("five", 7, {1}) + wire_packed(7, {5})},
       .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
       .outputs = {onnx_value("y", 1, {})}})));
  EXPECT_EQ(graph::least_sizes(half).at("n"), 5);
}

// An end that no size reaches is the size's own.
TEST(Importer, SlicesToTheEndWhateverItsNumber) {
  const auto ints = [](const std::string& name, std::int64_t value) {
    return onnx_tensor(name, 7, {1}) + wire_packed(7, {value});
  };
  const graph::Graph graph = imported(onnx_model(
      onnx_graph({.nodes = {onnx_node("Slice", {"x", "one", "far", "zero"}, {"y"})},
                  .initializers = {ints("zero", 0), ints("one", 1), ints("far", 1000000000)},
                  .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
                  .outputs = {onnx_value("y", 1, {})}})));
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[n - 1, 4]");
}

// Rows behind the boxes that are left are no numbers of the model.
TEST(Importer, SumsOverRowsThatDependOnDataAreRefused) {
  const std::string most = onnx_tensor("most", 7, {1}) + wire_packed(7, {3});
  const std::string axis = onnx_tensor("axis", 7, {1}) + wire_packed(7, {0});
  const auto parts = [&](const std::string& node) {
    return onnx_model(onnx_graph(
        {.nodes = {onnx_node("NonMaxSuppression", {"boxes", "scores", "most"}, {"selected"}), node},
         .initializers = {most, axis},
         .inputs = {onnx_value("boxes", 1, {onnx_dim(1), onnx_dim(5), onnx_dim(4)}),
                    onnx_value("scores", 1, {onnx_dim(1), onnx_dim(1), onnx_dim(5)})},
         .outputs = {onnx_value("y", 7, {})}}));
  };
  const graph::Graph graph = imported(parts(onnx_node("Neg", {"selected"}, {"y"})));
  ASSERT_EQ(graph.outputs.size(), 2U);
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[3, 3]");
  EXPECT_EQ(graph.value(graph.outputs[0]).count, graph.outputs[1]);
  EXPECT_EQ(graph.value(graph.outputs[1]).name, "y.count");
  for (const char* op : {"ReduceSum", "ReduceMax"}) {
    const std::string bytes =
        parts(std::string(op) == "ReduceSum"
                  ? onnx_node(op, {"selected", "axis"}, {"y"})
                  : onnx_node(op, {"selected"}, {"y"}, "",
                              {onnx_attribute("axes", 7, wire_packed(8, {0}))}));
    EXPECT_ERROR(imported(bytes), ErrorCode::kUnsupported, "is computed from all rows of");
  }
  EXPECT_ERROR(imported(parts(onnx_node("Shape", {"selected"}, {"y"}))), ErrorCode::kUnsupported,
               "is computed from all rows of");
}

// Inputs of no dimensions, which no operator of vectors or images takes.
TEST(Importer, ScalarsAreRefusedWhereTheyDoNotFit) {
  for (const char* op : {"Conv",
                         "ConvTranspose",
                         "MaxPool",
                         "Concat",
                         "Gemm",
                         "MatMul",
                         "Softmax",
                         "BatchNormalization",
                         "InstanceNormalization",
                         "TopK",
                         "Resize",
                         "Slice",
                         "Split",
                         "Gather",
                         "DepthToSpace",
                         "NonMaxSuppression",
                         "Dropout",
                         "Where",
                         "Einsum",
                         "OneHot",
                         "CumSum",
                         "LayerNormalization",
                         "GroupNormalization"}) {
    const std::string scalar = onnx_tensor("c", 1, {}) + wire_bytes(9, raw_bytes<float>({1}));
    const std::string bytes =
        onnx_model(onnx_graph({.nodes = {onnx_node(op, {"x", "c", "c", "c", "c"}, {"y"})},
                               .initializers = {scalar},
                               .inputs = {onnx_value("x", 1, {})},
                               .outputs = {onnx_value("y", 1, {})}}));
    try {
      imported(bytes);
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile ||
                  error.code() == ErrorCode::kUnsupported)
          << op << ": " << error.what();
    }
  }
}

// A file of a few bytes may ask for any amount of numbers.
TEST(Importer, ComputesNoMoreThanItsBudget) {
  const std::vector<std::string> nodes{onnx_node("Range", {"zero", "many", "one"}, {"y"}, "range")};
  const auto scalar = [](const std::string& name, std::int64_t value) {
    return onnx_tensor(name, 7, {}) + wire_packed(7, {value});
  };
  const std::string bytes = onnx_model(
      onnx_graph({.nodes = nodes,
                  .initializers = {scalar("zero", 0), scalar("one", 1), scalar("many", 1 << 23)},
                  .outputs = {onnx_value("y", 7, {})}}));
  EXPECT_ERROR(imported(bytes), ErrorCode::kUnsupported,
               "node 0 (range, Range): [8388608] numbers to be made while it is imported");
}

}  // namespace
}  // namespace lasso::onnx
