#include <gtest/gtest.h>

#include "graph/builder.h"
#include "lasso/error.h"
#include "passes/pass.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Linear;
using graph::ValueId;
using test::zeros;

const graph::Dim kRows = graph::Dim::symbol("rows");

// y = x + shared(image): all but the sum does without x.
graph::Graph program() {
  Builder b("decoder");
  const ValueId image = b.input("image", DType::kF32, {1, 8});
  const ValueId x = b.input("x", DType::kF32, {kRows, 8});
  const ValueId hidden = b.add("hidden", Linear{}, {image, b.constant("w1", zeros({4, 8}))});
  const ValueId shared = b.add("shared", Linear{}, {hidden, b.constant("w2", zeros({8, 4}))});
  b.output(b.add("y", Binary{BinaryKind::kAdd}, {x, shared}), "y");
  graph::Graph graph = b.finish();
  graph.typical = {{"rows", 3}};
  return graph;
}

// The program of_image and the rest of the decoder, both verified.
graph::Module split(graph::Graph graph) {
  graph::Module module;
  module.programs.push_back(std::move(graph));
  module.splits = {{"decoder", "of_image", {"image"}}};
  module = hoist(std::move(module), {});
  EXPECT_TRUE(module.splits.empty());
  for (const graph::Graph& each : module.programs) graph::verify(each);
  return module;
}

TEST(Hoist, WhatDependsOnTheNamedInputsAloneIsAProgramOfItsOwn) {
  const graph::Module module = split(program());
  ASSERT_EQ(module.programs.size(), 2U);
  const graph::Graph& first = module.programs[0];
  const graph::Graph& graph = module.programs[1];
  EXPECT_EQ(to_string(first),
            "program of_image\n"
            "  input  %image: float32 [1, 8]\n"
            "  %hidden: float32 [1, 4] = linear(%image, @w1)\n"
            "  %shared: float32 [1, 8] = linear(%hidden, @w2)\n"
            "  output %shared\n");
  EXPECT_EQ(to_string(graph),
            "program decoder\n"
            "  input  %shared: float32 [1, 8]\n"
            "  input  %x: float32 [rows, 8]\n"
            "  %y: float32 [rows, 8] = add(%x, %shared)\n"
            "  output %y\n");
  EXPECT_TRUE(first.typical.empty());
  EXPECT_EQ(graph.typical, (graph::Bindings{{"rows", 3}}));
}

// A value of the named input whose size another input gives: the other program could not know it.
TEST(Hoist, WhatHasTheSizesOfOtherInputsStays) {
  Builder b("decoder");
  const ValueId image = b.input("image", DType::kF32, {1, 8});
  const ValueId x = b.input("x", DType::kF32, {kRows, 8});
  const ValueId shared = b.add("shared", Linear{}, {image, b.constant("w", zeros({8, 8}))});
  const ValueId each = b.add("each", graph::Expand{{kRows, 8}}, {shared});
  const ValueId rows = b.add("rows", graph::Sizes{{kRows}}, {shared});
  const ValueId number = b.add("number", graph::Cast{DType::kF32}, {rows});
  const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {x, each});
  b.output(b.add("y", Binary{BinaryKind::kMul}, {sum, number}), "y");
  const graph::Module module = split(b.finish());
  ASSERT_EQ(module.programs.size(), 2U);
  EXPECT_EQ(to_string(module.programs[0]),
            "program of_image\n"
            "  input  %image: float32 [1, 8]\n"
            "  %shared: float32 [1, 8] = linear(%image, @w)\n"
            "  output %shared\n");
  EXPECT_EQ(module.programs[1].nodes.size(), 5U);
}

TEST(Hoist, AnInputThatIsStillReadStays) {
  Builder b("decoder");
  const ValueId image = b.input("image", DType::kF32, {1, 8});
  const ValueId x = b.input("x", DType::kF32, {kRows, 8});
  const ValueId shared = b.add("shared", Linear{}, {image, b.constant("w", zeros({8, 8}))});
  const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {x, shared});
  b.output(b.add("y", Binary{BinaryKind::kMul}, {sum, image}), "y");
  const graph::Graph graph = split(b.finish()).programs.at(1);
  ASSERT_EQ(graph.inputs.size(), 3U);
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "shared");
  EXPECT_EQ(graph.value(graph.inputs[1]).name, "image");
  EXPECT_EQ(graph.value(graph.inputs[2]).name, "x");
}

// What counts a value goes where the value goes.
TEST(Hoist, CountsStayWithWhatTheyCount) {
  Builder b("decoder");
  const ValueId image = b.input("image", DType::kF32, {4, 8});
  const ValueId number = b.input("number", DType::kI32, {});
  b.input("unused", DType::kI32, {});
  const ValueId x = b.input("x", DType::kF32, {kRows, 8});
  const ValueId count = b.add("count", graph::Reshape{{}}, {number});
  const ValueId shared = b.add("shared", Linear{}, {image, b.constant("w", zeros({8, 8}))});
  b.set_count(shared, count);
  b.output(b.add("y", graph::Concat{0}, {x, shared}), "y");
  graph::Module module;
  module.programs.push_back(b.finish());
  module.splits = {{"decoder", "of_image", {"image", "number"}}};
  module = hoist(std::move(module), {});
  for (const graph::Graph& each : module.programs) graph::verify(each);
  ASSERT_EQ(module.programs[0].outputs.size(), 2U);
  const graph::Graph& rest = module.programs[1];
  ASSERT_EQ(rest.inputs.size(), 4U);
  EXPECT_EQ(rest.value(rest.inputs[1]).name, "shared");
  EXPECT_EQ(rest.value(rest.inputs[1]).count, rest.inputs[0]);
}

TEST(Hoist, NamesAProgramThatIsNotThere) {
  graph::Module module;
  module.programs.push_back(program());
  module.splits = {{"encoder", "of_image", {"image"}}};
  EXPECT_THROW(hoist(std::move(module), {}), Error);
}

}  // namespace
}  // namespace lasso::passes
