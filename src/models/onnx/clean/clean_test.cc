#include "models/onnx/clean/clean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_builder.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso::onnx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kFloat = OnnxDataType::kFloat32;
using Names = std::vector<std::string>;

CleanModel cleaned(OnnxModel model) { return clean(check_onnx(std::move(model))); }
CleanModel cleaned(OnnxBuilder builder) { return cleaned(std::move(builder).finish().model); }

Names operators(const CleanModel& clean) {
  Names names;
  for (const OnnxNode& node : clean.model.graph.nodes) names.push_back(node.op_type);
  return names;
}

const OnnxTensor& initializer(const CleanModel& clean, const std::string& name) {
  const auto& all = clean.model.graph.initializers;
  const auto it = std::find_if(all.begin(), all.end(),
                               [&](const OnnxTensor& tensor) { return tensor.name == name; });
  if (it == all.end()) throw Error(ErrorCode::kInternal, "no initialiser " + name);
  return *it;
}

std::vector<std::int64_t> integers(const CleanModel& clean, const std::string& name) {
  const OnnxTensor& tensor = initializer(clean, name);
  const Tensor values = to_tensor(tensor);
  const auto* data = values.view().as<std::int64_t>();
  return {data, data + element_count(tensor)};
}

// x [n, 4].
OnnxBuilder with_input(std::int64_t opset = 17) {
  OnnxBuilder b("main", opset);
  b.input("x", kFloat, {std::string("n"), std::int64_t{4}});
  return b;
}
void set_output(OnnxBuilder& b, const std::string& name = "y") {
  b.output(name, kFloat, {std::string("n"), std::int64_t{4}});
}

TEST(Clean, ComputesWhatIsConstant) {
  OnnxBuilder b = with_input();
  const auto sum = b.node("sum", "Add", {b.scalar(2.0F), b.scalar(3.0F)});
  b.node("y", "Mul", {"x", b.node("root", "Sqrt", {b.node("square", "Mul", {sum, sum})})});
  set_output(b);
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(clean.nodes_before, 4);
  EXPECT_EQ(operators(clean), Names{"Mul"});
  EXPECT_EQ(clean.model.graph.nodes[0].inputs, (Names{"x", "root"}));
  ASSERT_EQ(clean.model.graph.initializers.size(), 1U);
  EXPECT_EQ(to_tensor(initializer(clean, "root")).view().as<float>()[0], 5.0F);
}

// A matrix that the importer leaves where it lies, and reads the other way around.
TEST(Clean, TransposesLargeMatrices) {
  constexpr std::int64_t kRows = 512;
  constexpr std::int64_t kColumns = 256;
  std::vector<float> values(kRows * kColumns);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  OnnxBuilder b("main", 17);
  b.input("x", kFloat, {std::string("n"), kColumns});
  const auto turned =
      b.node("turned", "Transpose", {b.constant("w", make_tensor({kRows, kColumns}, values))},
             {{"perm", std::vector<std::int64_t>{1, 0}}});
  b.output(b.node("y", "MatMul", {"x", turned}), kFloat, {std::string("n"), kRows});
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), Names{"MatMul"});
  const OnnxTensor& matrix = initializer(clean, "turned");
  EXPECT_EQ(matrix.dims, (Dims{kColumns, kRows}));
  const Tensor elements = to_tensor(matrix).dense();
  for (const std::size_t row : {0, 7, 255}) {
    for (const std::size_t column : {0, 300, 511}) {
      EXPECT_EQ(elements.view().as<float>()[row * kRows + column], values[column * kColumns + row]);
    }
  }
}

// Sizes that are open stay open: 0 stands for n.
TEST(Clean, ComputesShapesThatAreOpen) {
  OnnxBuilder b = with_input();
  const auto size = b.node("size", "Gather", {b.node("shape", "Shape", {"x"}), b.ints({0})},
                           {{"axis", std::int64_t{0}}});
  const auto target =
      b.node("target", "Concat", {size, b.ints({2, 2})}, {{"axis", std::int64_t{0}}});
  const auto cube = b.node("cube", "Reshape", {"x", target});
  const auto swapped =
      b.node("y", "Transpose", {cube}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  b.output(swapped, kFloat, {std::string("n"), std::int64_t{2}, std::int64_t{2}});
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), (Names{"Reshape", "Transpose"}));
  EXPECT_EQ(integers(clean, clean.model.graph.nodes[0].inputs[1]),
            (std::vector<std::int64_t>{0, 2, 2}));
}

// What gives what it takes: x stays the only input, and y gets its name from the node before.
TEST(Clean, RemovesNodesThatDoNothing) {
  OnnxBuilder b = with_input();
  auto x = b.node("same", "Identity", {"x"});
  x = b.node("cast", "Cast", {x}, {{"to", std::int64_t{1}}});
  x = b.node("sum", "Add", {x, b.scalar(0.0F)});
  x = b.node("relu", "Relu", {x});
  x = b.node("flat", "Reshape", {x, b.ints({-1, 4})});
  x = b.node("part", "Slice", {x, b.ints({0}), b.ints({4}), b.ints({1})});
  x = b.node("only", "Concat", {x}, {{"axis", std::int64_t{1}}});
  b.node("y", "Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 1}}});
  set_output(b);
  const CleanModel clean = cleaned(std::move(b));
  ASSERT_EQ(operators(clean), Names{"Relu"});
  EXPECT_EQ(clean.model.graph.nodes[0].inputs, Names{"x"});
  EXPECT_EQ(clean.model.graph.nodes[0].outputs, Names{"y"});
  EXPECT_TRUE(clean.model.graph.initializers.empty());
}

// These look like nothing and are not.
TEST(Clean, KeepsWhatChangesValues) {
  OnnxBuilder b = with_input();
  // The elements in the opposite order; a row before in place of one behind; n rows of one.
  auto x =
      b.node("reversed", "Slice", {"x", b.ints({-1}), b.ints({-5}), b.ints({1}), b.ints({-1})});
  x = b.node("moved", "Pad", {x, b.ints({1, 0, -1, 0})});
  x = b.node("sum", "Sub", {b.scalar(0.0F), x});
  x = b.node("wide", "Add",
             {x, b.constant("zeros", make_tensor({2, 1, 1}, std::vector<float>(2)))});
  b.node("y", "ReduceMax", {x},
         {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", std::int64_t{0}}});
  set_output(b);
  EXPECT_EQ(operators(cleaned(std::move(b))), (Names{"Slice", "Pad", "Sub", "Add", "ReduceMax"}));
}

// An open size may be less than what is taken of it, and a value may be more than the size: neither
// slice is x, and the shape behind it is not known.
TEST(Clean, KeepsSlicesThatMayBeShort) {
  OnnxBuilder b = with_input();
  b.input("k", OnnxDataType::kInt64, {std::int64_t{1}});
  const auto five = b.node("five", "Slice", {"x", b.ints({0}), b.ints({5}), b.ints({0})});
  const auto some = b.node("some", "Slice", {"x", b.ints({0}), "k", b.ints({0})});
  for (const auto& part : {five, some}) {
    b.node(part + "_rows", "Gather", {b.node(part + "_shape", "Shape", {part}), b.ints({0})},
           {{"axis", std::int64_t{0}}});
    b.output(part + "_rows", OnnxDataType::kInt64, {std::int64_t{1}});
  }
  EXPECT_EQ(operators(cleaned(std::move(b))),
            (Names{"Slice", "Slice", "Shape", "Gather", "Shape", "Gather"}));
}

// No box may be left: whether there are some is not known, that there are not -1 is.
TEST(Clean, KeepsWhatDependsOnCounts) {
  OnnxBuilder b("main", 17);
  b.input("boxes", kFloat, {std::int64_t{1}, std::int64_t{5}, std::int64_t{4}});
  b.input("scores", kFloat, {std::int64_t{1}, std::int64_t{2}, std::int64_t{5}});
  const auto selected = b.node("selected", "NonMaxSuppression",
                               {"boxes", "scores", b.ints({3}), b.scalar(0.5F), b.scalar(0.9F)});
  const auto count = b.node("count", "Gather", {b.node("shape", "Shape", {selected}), b.ints({0})},
                            {{"axis", std::int64_t{0}}});
  const std::vector<std::pair<std::string, std::int64_t>> compared{
      {"Greater", 0}, {"Equal", 0}, {"Less", 1}, {"Equal", -1}};
  for (std::size_t i = 0; i < compared.size(); ++i) {
    const auto& [op, number] = compared[i];
    b.output(b.node(fmt::format("y{}", i), op, {count, b.ints({number})}), OnnxDataType::kBool,
             {std::int64_t{1}});
  }
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), (Names{"Identity", "NonMaxSuppression", "Shape", "Gather", "Greater",
                                     "Equal", "Less"}));
  EXPECT_EQ(clean.model.graph.nodes[0].outputs, Names{"y3"});
}

// Weights of 8 bits stay so, with what is done to them; a shape is known all the same.
TEST(Clean, KeepsQuantisedWeights) {
  OnnxModel model = parse(onnx_model(onnx_graph(
      {.nodes = {onnx_node("DequantizeLinear", {"w", "scale"}, {"real"}),
                 onnx_node("Transpose", {"real"}, {"turned"}),
                 onnx_node("MatMul", {"x", "turned"}, {"product"}),
                 onnx_node("QuantizeLinear", {"c", "scale"}, {"q"}),
                 onnx_node("DequantizeLinear", {"q", "scale"}, {"d"}),
                 onnx_node("Add", {"product", "d"}, {"y"}), onnx_node("Shape", {"real"}, {"size"})},
       .initializers = {onnx_tensor("w", 3, {2, 2}) + wire_packed(5, {1, 2, 3, 4}),
                        onnx_raw_tensor("scale", {}, {0.5}), onnx_raw_tensor("c", {2}, {1, 2})},
       .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(2)})},
       .outputs = {onnx_value("y", 1, {onnx_dim("n"), onnx_dim(2)}),
                   onnx_value("size", 7, {onnx_dim(2)})}})));
  const CleanModel clean = cleaned(std::move(model));
  EXPECT_EQ(operators(clean), (Names{"Identity", "DequantizeLinear", "Transpose", "MatMul",
                                     "QuantizeLinear", "DequantizeLinear", "Add"}));
  EXPECT_EQ(integers(clean, "size_value"), (std::vector<std::int64_t>{2, 2}));
}

TEST(Clean, RemovesDuplicatesAndWhatNobodyTakes) {
  OnnxBuilder b = with_input();
  const auto first = b.node("first", "Mul", {"x", b.scalar(3.0F)});
  const auto second =
      b.node("second", "Mul", {"x", b.constant("three", make_tensor({}, std::vector<float>{3}))});
  const auto other = b.node("other", "Elu", {"x"}, {{"alpha", 2.0F}});
  const auto third = b.node("third", "Elu", {"x"}, {{"alpha", 3.0F}});
  b.node("unused", "Exp", {other});
  b.node("y", "Sum", {first, second, other, third});
  set_output(b);
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), (Names{"Mul", "Elu", "Elu", "Sum"}));
  EXPECT_EQ(clean.model.graph.nodes[3].inputs, (Names{"first", "first", "other", "third"}));
  EXPECT_EQ(clean.model.graph.initializers.size(), 1U);
}

// Equal nodes are one where the first has all results of the second, and else stay as they are.
TEST(Clean, KeepsResultsThatAnEqualNodeLeavesOut) {
  const auto model = [](const std::string& first, const std::string& second) {
    return parse(
        onnx_model(onnx_graph({.nodes = {onnx_node("TopK", {"x", "k"}, {first, "indices"}, "one"),
                                         onnx_node("TopK", {"x", "k"}, {second, "again"}, "two"),
                                         onnx_node("Add", {"indices", "again"}, {"sum"}),
                                         onnx_node("Exp", {first.empty() ? second : first}, {"y"})},
                               .initializers = {onnx_tensor("k", 7, {1}) + wire_packed(7, {2})},
                               .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
                               .outputs = {onnx_value("y", 1, {onnx_dim("n"), onnx_dim(2)}),
                                           onnx_value("sum", 7, {onnx_dim("n"), onnx_dim(2)})}})));
  };
  const CleanModel both = cleaned(model("", "values"));
  EXPECT_EQ(operators(both), (Names{"TopK", "TopK", "Add", "Exp"}));
  EXPECT_EQ(both.model.graph.nodes[1].outputs, (Names{"values", "again"}));
  EXPECT_EQ(both.model.graph.nodes[2].inputs, (Names{"indices", "again"}));
  const CleanModel one = cleaned(model("values", ""));
  EXPECT_EQ(operators(one), (Names{"TopK", "Add", "Exp"}));
  EXPECT_EQ(one.model.graph.nodes[1].inputs, (Names{"indices", "indices"}));
}

TEST(Clean, JoinsNeighbours) {
  OnnxBuilder b = with_input();
  auto x = b.node("cube", "Reshape", {"x", b.ints({-1, 2, 2})});
  x = b.node("swap", "Transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
  x = b.node("back", "Transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 2, 0}}});
  x = b.node("half", "Slice", {x, b.ints({0}), b.ints({1}), b.ints({0})});
  x = b.node("quarter", "Slice", {x, b.ints({1}), b.ints({2}), b.ints({-2})});
  x = b.node("flat", "Flatten", {x});
  b.node("y", "Unsqueeze", {x, b.ints({2})});
  b.output("y", kFloat, {std::int64_t{1}, std::int64_t{2}, std::int64_t{1}});
  const CleanModel clean = cleaned(std::move(b));
  ASSERT_EQ(operators(clean), (Names{"Reshape", "Transpose", "Slice", "Reshape"}));
  const auto* perm = clean.model.graph.nodes[1].find_attribute("perm");
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(perm->value), (std::vector<std::int64_t>{0, 2, 1}));
  EXPECT_EQ(integers(clean, clean.model.graph.nodes[2].inputs[3]),
            (std::vector<std::int64_t>{0, 1}));
}

// The elements of a vector that are put together again are the vector.
TEST(Clean, JoinsVectorsThatWereTakenApart) {
  OnnxBuilder b("main", 17);
  b.input("v", kFloat, {std::int64_t{2}});
  std::vector<std::string> parts;
  for (const std::int64_t i : {0, 1}) {
    const auto element = b.node(fmt::format("element_{}", i), "Gather", {"v", b.scalar(i)});
    parts.push_back(b.node(fmt::format("part_{}", i), "Unsqueeze", {element, b.ints({0})}));
  }
  const auto whole = b.node("whole", "Concat", parts, {{"axis", std::int64_t{0}}});
  b.node("y", "Exp", {whole});
  b.node("z", "Neg", {parts[1]});
  b.output("y", kFloat, {std::int64_t{2}});
  b.output("z", kFloat, {std::int64_t{1}});
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), (Names{"Gather", "Exp", "Neg"}));
  EXPECT_EQ(clean.model.graph.nodes[1].inputs, Names{"v"});
}

OnnxBuilder layers(int count, bool reshapes) {
  OnnxBuilder b("main", 17);
  b.input("x", kFloat, {std::string("n"), std::int64_t{5}, std::int64_t{4}});
  for (int i = 0; i < count; ++i) {
    const std::string name = fmt::format("layer_{}", i);
    const auto weights = b.constant(name + ".w", make_tensor({4, 6}, std::vector<float>(24, 0.5F)));
    const auto bias = b.constant(name + ".b", make_tensor({6}, std::vector<float>(6, 1.0F)));
    auto y = b.node(name, "Add", {bias, b.node(name + ".product", "MatMul", {"x", weights})});
    y = reshapes ? b.node(name + ".heads", "Reshape", {y, b.ints({0, 0, 2, 3})})
                 : b.node(name + ".exp", "Exp", {y});
    b.output(y, kFloat, {});
  }
  return b;
}

// A product and its bias are one node where that takes nodes away: not for one layer of a tensor
// of three dimensions, nor where nothing behind it changes shapes.
TEST(Clean, JoinsProductsAndBiases) {
  EXPECT_EQ(operators(cleaned(layers(1, true))), (Names{"MatMul", "Add", "Reshape"}));
  EXPECT_EQ(operators(cleaned(layers(1, false))), (Names{"MatMul", "Add", "Exp"}));
  OnnxBuilder b = with_input();
  const auto weights = b.constant("w", make_tensor({4, 4}, std::vector<float>(16, 2.0F)));
  const auto bias = b.constant("b", make_tensor({4}, std::vector<float>(4, 1.0F)));
  b.node("y", "Add", {b.node("product", "MatMul", {"x", weights}), bias});
  set_output(b);
  EXPECT_EQ(operators(cleaned(std::move(b))), Names{"Gemm"});
}

// Three layers of one tensor, which all have heads behind them.
TEST(Clean, JoinsLayersOfOneTensor) {
  OnnxBuilder b("main", 17);
  b.input("x", kFloat, {std::string("n"), std::int64_t{5}, std::int64_t{4}});
  for (const char* name : {"q", "k", "v"}) {
    const std::string own = name;
    const float value = static_cast<float>(own[0]);
    const auto weights = b.constant(own + ".w", make_tensor({4, 6}, std::vector<float>(24, value)));
    const auto bias = b.constant(own + ".b", make_tensor({6}, std::vector<float>(6, value)));
    const auto y = b.node(own, "Add", {bias, b.node(own + ".product", "MatMul", {"x", weights})});
    b.output(b.node(own + ".heads", "Reshape", {y, b.ints({0, 0, 2, 3})}), kFloat,
             {std::string("n"), std::int64_t{5}, std::int64_t{2}, std::int64_t{3}});
  }
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean),
            (Names{"Reshape", "Gemm", "Reshape", "Gemm", "Reshape", "Gemm", "Reshape"}));
  EXPECT_EQ(clean.model.graph.nodes[1].inputs, (Names{"x_rows", "q.w", "q.b"}));
}

// Operators that Lasso does not have stay with all they have; of what they give nothing is known.
TEST(Clean, KeepsUnknownOperators) {
  OnnxModel model = parse(onnx_model(onnx_graph(
      {.nodes = {onnx_node("Blur", {"x", "w"}, {"b"}, "blur",
                           {onnx_attribute("sigma", 1, wire_float(2, 0.5F))}) +
                     wire_bytes(7, "my.ops"),
                 onnx_node("Blur", {"x", "w"}, {"b2"}, "again",
                           {onnx_attribute("sigma", 1, wire_float(2, 0.5F))}) +
                     wire_bytes(7, "my.ops"),
                 onnx_node("Identity", {"b"}, {"i"}), onnx_node("Add", {"i", "b2"}, {"y"})},
       .initializers = {onnx_raw_tensor("w", {1}, {1})},
       .inputs = {onnx_value("x", 1, {onnx_dim("n")})},
       .outputs = {onnx_value("y", 1, {onnx_dim("n")})}})));
  const CleanModel clean = cleaned(std::move(model));
  EXPECT_EQ(operators(clean), (Names{"Blur", "Blur", "Add"}));
  EXPECT_EQ(clean.unknown, Names{"my.ops.Blur"});
  const OnnxNode& blur = clean.model.graph.nodes[0];
  EXPECT_EQ(blur.domain, "my.ops");
  EXPECT_EQ(std::get<float>(blur.find_attribute("sigma")->value), 0.5F);
  EXPECT_EQ(blur.inputs, (Names{"x", "w"}));
}

OnnxModel with_default(std::int64_t ir_version) {
  OnnxModel model = parse(onnx_model(onnx_graph(
      {.nodes = {onnx_node("Add", {"w", "w"}, {"sum"}), onnx_node("Mul", {"x", "sum"}, {"y"})},
       .initializers = {onnx_raw_tensor("w", {1}, {2})},
       .inputs = {onnx_value("x", 1, {onnx_dim("n")}), onnx_value("w", 1, {onnx_dim(1)})},
       .outputs = {onnx_value("y", 1, {onnx_dim("n")})}})));
  model.ir_version = ir_version;
  return model;
}

// An initialiser that is an input, too, may be replaced by who runs the model; before version 4 of
// the format all were listed so.
TEST(Clean, KeepsDefaultsOfInputs) {
  const CleanModel clean = cleaned(with_default(8));
  EXPECT_EQ(operators(clean), (Names{"Add", "Mul"}));
  EXPECT_EQ(clean.model.graph.inputs.size(), 2U);
  const CleanModel old = cleaned(with_default(3));
  EXPECT_EQ(operators(old), Names{"Mul"});
  EXPECT_EQ(old.model.graph.inputs.size(), 1U);
  EXPECT_EQ(old.model.ir_version, 4);
}

// Outputs keep their names where they are constant, an input, or two names of one value.
TEST(Clean, KeepsOutputs) {
  OnnxBuilder b = with_input();
  b.node("constant", "Add", {b.scalar(1.0F), b.scalar(2.0F)});
  b.node("input", "Identity", {"x"});
  b.node("y", "Identity", {b.node("relu", "Relu", {"x"})});
  b.node("again", "Relu", {"x"});
  for (const char* name : {"constant", "input", "y", "again"}) set_output(b, name);
  const CleanModel clean = cleaned(std::move(b));
  EXPECT_EQ(operators(clean), (Names{"Identity", "Identity", "Relu", "Relu"}));
  EXPECT_EQ(to_tensor(initializer(clean, "constant_value")).view().as<float>()[0], 3.0F);
  std::vector<std::string> names;
  for (const OnnxNode& node : clean.model.graph.nodes) names.push_back(node.outputs[0]);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Names{"again", "constant", "input", "y"}));
}

// What graphs in attributes take from the graph around them follows its new name.
TEST(Clean, RenamesWhatInnerGraphsTake) {
  const std::string branch = onnx_graph(
      {.nodes = {onnx_node("Relu", {"same"}, {"r"})}, .outputs = {onnx_value("r", 1, {})}});
  OnnxModel model = parse(onnx_model(
      onnx_graph({.nodes = {onnx_node("Exp", {"x"}, {"e"}), onnx_node("Identity", {"e"}, {"same"}),
                            onnx_node("Exp", {"e"}, {"unused"}),
                            onnx_node("If", {"flag"}, {"y"}, "if",
                                      {onnx_attribute("then_branch", 5, wire_bytes(6, branch)),
                                       onnx_attribute("else_branch", 5, wire_bytes(6, branch))})},
                  .inputs = {onnx_value("x", 1, {onnx_dim("n")}), onnx_value("flag", 9, {})},
                  .outputs = {onnx_value("y", 1, {onnx_dim("n")})}})));
  const CleanModel clean = cleaned(std::move(model));
  ASSERT_EQ(operators(clean), (Names{"Exp", "If"}));
  const auto* attribute = clean.model.graph.nodes[1].find_attribute("else_branch");
  EXPECT_EQ(std::get<std::vector<OnnxGraph>>(attribute->value)[0].nodes[0].inputs, Names{"e"});
}

}  // namespace
}  // namespace lasso::onnx
