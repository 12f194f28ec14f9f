#include "graph/graph.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "lasso/error.h"
#include "support/tensors.h"

namespace lasso::graph {
namespace {

using test::zeros;

const Dim kBatch = Dim::symbol("batch");

Graph two_layers() {
  Builder b("mlp");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 8});
  const ValueId w1 = b.constant("w1", zeros({16, 8}));
  const ValueId w2 = b.constant("w2", zeros({4, 16}));
  const ValueId h = b.add("h", Linear{Activation::kRelu}, {x, w1, kNoValue});
  b.output(b.add("y", Linear{}, {h, w2}), "y");
  return b.finish();
}

TEST(Graph, PrintsOneLinePerNode) {
  EXPECT_EQ(to_string(two_layers()),
            "program mlp\n"
            "  input  %x: float32 [batch, 8]\n"
            "  %h: float32 [batch, 16] = linear(%x, @w1, none) {activation=relu}\n"
            "  %y: float32 [batch, 4] = linear(%h, @w2)\n"
            "  output %y\n");
}

TEST(Graph, CountsOperations) {
  const Graph graph = two_layers();
  EXPECT_EQ(flops(graph, graph.nodes[0], {{"batch", 3}}), 2.0 * 3 * 16 * 8);
}

TEST(Verify, FindsUseBeforeDefinition) {
  Graph graph = two_layers();
  std::swap(graph.nodes[0], graph.nodes[1]);
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsDoubleAssignment) {
  Graph graph = two_layers();
  graph.nodes.push_back(graph.nodes[0]);
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsWrongShape) {
  Graph graph = two_layers();
  graph.value(graph.nodes[1].outputs[0]).shape = {kBatch, 5};
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsIdOutOfRange) {
  Graph graph = two_layers();
  graph.nodes[0].inputs[0] = 99;
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsUnboundSymbols) {
  Graph graph = two_layers();
  graph.value(graph.inputs[0]).shape[0] = kBatch + 1;
  EXPECT_THROW(verify(graph), Error);
}

TEST(Infer, NamesOpAndShapes) {
  Builder b("p");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 8});
  const ValueId w = b.constant("w", zeros({16, 9}));
  try {
    b.add("y", Linear{}, {x, w});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(
        error.what(),
        "program p, value \"y\": linear(float32 [batch, 8], float32 [16, 9]): expected the "
        "last dimension of x to be the second one of W");
  }
}

TEST(Infer, Shapes) {
  Builder b("p");
  const ValueId image = b.input("image", DType::kF32, {kBatch, 32, 48, 3});
  const ValueId w = b.constant("w", zeros({5, 3, 16, 16}));
  const ValueId patches = b.add("patches", Conv2d{16, 16, 16, 0}, {image, w});
  EXPECT_EQ(to_string(b.shape(patches)), "[batch, 2, 3, 5]");
  const ValueId up = b.constant("up", zeros({5, 7, 2, 2}));
  EXPECT_EQ(to_string(b.shape(b.add("up2", ConvTranspose2d{2}, {patches, up}))),
            "[batch, 4, 6, 7]");
  EXPECT_EQ(to_string(b.shape(b.add("t", Transpose{{0, 3, 1, 2}}, {patches}))), "[batch, 5, 2, 3]");
  EXPECT_EQ(to_string(b.shape(b.add("r", Reshape{{kBatch * 6, 5}}, {patches}))), "[6*batch, 5]");
  EXPECT_THROW(b.add("r2", Reshape{{kBatch, 5}}, {patches}), Error);
  const ValueId joined = b.add("c", Concat{1}, {patches, patches});
  EXPECT_EQ(to_string(b.shape(joined)), "[batch, 4, 3, 5]");
  EXPECT_EQ(to_string(b.shape(b.add("s", Slice{1, 1, 3}, {joined}))), "[batch, 2, 3, 5]");
  EXPECT_THROW(b.add("s2", Slice{1, 1, 5}, {joined}), Error);
}

}  // namespace
}  // namespace lasso::graph
