#include "passes/hoist.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
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

TEST(Hoist, WhatDependsOnTheNamedInputsAloneIsAProgramOfItsOwn) {
  graph::Graph graph = program();
  const graph::Graph first = hoist(graph, "of_image", {"image"});
  graph::verify(first);
  graph::verify(graph);
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

TEST(Hoist, AnInputThatIsStillReadStays) {
  Builder b("decoder");
  const ValueId image = b.input("image", DType::kF32, {1, 8});
  const ValueId x = b.input("x", DType::kF32, {kRows, 8});
  const ValueId shared = b.add("shared", Linear{}, {image, b.constant("w", zeros({8, 8}))});
  const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {x, shared});
  b.output(b.add("y", Binary{BinaryKind::kMul}, {sum, image}), "y");
  graph::Graph graph = b.finish();
  const graph::Graph first = hoist(graph, "of_image", {"image"});
  graph::verify(first);
  graph::verify(graph);
  ASSERT_EQ(graph.inputs.size(), 3U);
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "shared");
  EXPECT_EQ(graph.value(graph.inputs[1]).name, "image");
  EXPECT_EQ(graph.value(graph.inputs[2]).name, "x");
}

}  // namespace
}  // namespace lasso::passes
