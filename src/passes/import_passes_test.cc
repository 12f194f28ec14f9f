// The passes that undo what exporters do: every test states the program that is left.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/builder.h"
#include "passes/pass_test.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Conv2d;
using graph::Graph;
using graph::Shape;
using graph::Transpose;
using graph::Unary;
using graph::UnaryKind;
using graph::ValueId;
using test::optimized;
using test::random_tensor;

const Transpose kLast{{0, 2, 3, 1}};   // channels last
const Transpose kFirst{{0, 3, 1, 2}};  // channels first

Conv2d conv3x3() {
  Conv2d conv;
  conv.kernel_h = 3;
  conv.kernel_w = 3;
  conv.padding = 1;
  return conv;
}

std::size_t count_of(const Graph& graph, std::string_view name) {
  std::size_t count = 0;
  for (const graph::Node& node : graph.nodes) count += op_name(node.op) == name ? 1 : 0;
  return count;
}

// Two convolutions with what stands between them in a model with channels first.
struct Chain {
  Builder b{"chain"};
  ValueId x = b.input("x", DType::kF32, {1, 4, 8, 8});
  ValueId w = b.constant("w", random_tensor({4, 4, 3, 3}, 1));

  ValueId conv(ValueId in) {
    const ValueId last = b.add("last", kLast, {in});
    return b.add("first", kFirst, {b.add("conv", conv3x3(), {last, w})});
  }
  Graph finish(ValueId y) {
    b.output(y, "y");
    return optimized(b.finish());
  }
};

TEST(SinkTransposes, LeavesThoseAtTheEnds) {
  Chain c;
  const ValueId a = c.conv(c.x);
  const ValueId gate = c.b.add("gate", Unary{UnaryKind::kSigmoid}, {a});
  const ValueId silu = c.b.add("silu", Binary{BinaryKind::kMul}, {a, gate});
  const ValueId scale = c.b.constant("scale", random_tensor({4, 1, 1}, 2));
  const ValueId scaled = c.b.add("scaled", Binary{BinaryKind::kMul}, {silu, scale});
  const ValueId both = c.b.add("both", graph::Concat{2}, {scaled, a});
  EXPECT_EQ(to_string(c.finish(c.conv(both))),
            "program chain\n"
            "  input  %x: float32 [1, 4, 8, 8]\n"
            "  %last: float32 [1, 8, 8, 4] = transpose(%x) {permutation=0,2,3,1}\n"
            "  %conv: float32 [1, 8, 8, 4] = conv2d(%last, @w) {kernel_h=3, kernel_w=3, stride=1, "
            "padding=1}\n"
            "  %silu: float32 [1, 8, 8, 4] = silu(%conv)\n"
            "  %scaled: float32 [1, 8, 8, 4] = mul(%silu, @scale)\n"
            "  %both: float32 [1, 16, 8, 4] = concat(%scaled, %conv) {axis=1}\n"
            "  %conv: float32 [1, 16, 8, 4] = conv2d(%both, @w) {kernel_h=3, kernel_w=3, stride=1, "
            "padding=1}\n"
            "  %y: float32 [1, 4, 16, 8] = transpose(%conv) {permutation=0,3,1,2}\n"
            "  output %y\n");
}

TEST(SinkTransposes, PassThroughDividedDimensionsAndAxes) {
  Chain c;
  const ValueId a = c.conv(c.x);
  const ValueId parts = c.b.add("parts", graph::Reshape{{1, 2, 2, 8, 8}}, {a});
  const ValueId boxes = c.b.add("boxes", Transpose{{0, 1, 3, 4, 2}}, {parts});
  const ValueId some = c.b.add("some", graph::Slice{4, 0, 1}, {boxes});
  graph::Reduce mean;
  mean.kind = graph::ReduceKind::kMean;
  mean.axes = {2, 3};
  mean.keep = false;
  const Graph graph = c.finish(c.b.add("mean", mean, {some}));
  // [1, 8, 8, 2, 2]: the mean over rows and columns, of the first of the last dimension.
  EXPECT_EQ(count_of(graph, "transpose"), 1U);  // of the input
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 2, 1}));
}

TEST(SinkTransposes, StopWhereTheyCantPass) {
  Chain c;
  const ValueId a = c.conv(c.x);
  const ValueId rows = c.b.add("rows", graph::Reshape{{1, 4, 64}}, {a});  // merges
  EXPECT_EQ(count_of(c.finish(rows), "transpose"), 2U);
}

// What reads a value is looked at once, however long the chain behind it is.
TEST(SinkTransposes, BehindLongChains) {
  Builder b("long");
  const ValueId x = b.input("x", DType::kF32, {1, 4, 8, 8});
  const ValueId first = b.add("first", kFirst, {b.input("y", DType::kF32, {1, 8, 8, 4})});
  ValueId z = b.add("sum", Binary{BinaryKind::kAdd}, {x, first});
  for (int i = 0; i < 50'000; ++i) z = b.add("z", Unary{UnaryKind::kSigmoid}, {z});
  b.output(b.add("last", kLast, {z}), "last");
  const Graph graph = sink_transposes(b.finish(), {});
  EXPECT_EQ(count_of(graph, "transpose"), 1U);  // of x
  EXPECT_EQ(count_of(graph, "sigmoid"), 50'000U);
}

TEST(SinkTransposes, OfOneAnotherAreOne) {
  Builder b("two");
  const ValueId x = b.input("x", DType::kF32, {2, 3, 4});
  const ValueId y = b.add("y", Transpose{{1, 2, 0}}, {x});
  const ValueId z = b.add("z", Transpose{{1, 2, 0}}, {y});
  b.output(b.add("w", Transpose{{0, 2, 1}}, {z}), "w");
  EXPECT_EQ(to_string(optimized(b.finish())),
            "program two\n"
            "  input  %x: float32 [2, 3, 4]\n"
            "  %w: float32 [4, 3, 2] = transpose(%x) {permutation=2,1,0}\n"
            "  output %w\n");
}

TEST(FuseLayerNorm, OfNineOperators) {
  for (const bool swapped : {false, true}) {
    Builder b("norm");
    const ValueId x = b.input("x", DType::kF32, {5, 8});
    graph::Reduce mean;
    mean.kind = graph::ReduceKind::kMean;
    mean.axes = {1};
    const auto binary = [&](BinaryKind kind, ValueId p, ValueId q) {
      return b.add("v", Binary{kind},
                   swapped && kind != BinaryKind::kSub && kind != BinaryKind::kDiv &&
                           kind != BinaryKind::kPow
                       ? std::vector{q, p}
                       : std::vector{p, q});
    };
    const auto number = [&](float value) {
      return b.constant("c", make_tensor({}, std::vector<float>{value}));
    };
    const ValueId centred = binary(BinaryKind::kSub, x, b.add("m", mean, {x}));
    const ValueId squares = binary(BinaryKind::kPow, centred, number(2));
    const ValueId sum = binary(BinaryKind::kAdd, b.add("s", mean, {squares}), number(1e-5F));
    const ValueId root = b.add("root", Unary{UnaryKind::kSqrt}, {sum});
    const ValueId y = binary(BinaryKind::kDiv, centred, root);
    const ValueId gamma = b.constant("gamma", random_tensor({8}, 1));
    const ValueId beta = b.constant("beta", random_tensor({1, 8}, 2));
    b.output(binary(BinaryKind::kAdd, binary(BinaryKind::kMul, y, gamma), beta), "y");
    EXPECT_EQ(to_string(optimized(b.finish())),
              "program norm\n"
              "  input  %x: float32 [5, 8]\n"
              "  %y: float32 [5, 8] = layer_norm(%x, @gamma, @beta) {epsilon=1e-05}\n"
              "  output %y\n");
  }
}

TEST(FuseFunctions, GeluInAnyOrder) {
  for (const bool by_product : {false, true}) {
    for (const bool half_first : {false, true}) {
      Builder b("gelu");
      const ValueId x = b.input("x", DType::kF32, {5, 8});
      const auto number = [&](float value) {
        return b.constant("c", make_tensor({}, std::vector<float>{value}));
      };
      const float root = std::sqrt(2.0F);
      const ValueId scaled = by_product
                                 ? b.add("s", Binary{BinaryKind::kMul}, {number(1 / root), x})
                                 : b.add("s", Binary{BinaryKind::kDiv}, {x, number(root)});
      const ValueId erf = b.add("e", Unary{UnaryKind::kErf}, {scaled});
      const ValueId sum = b.add("a", Binary{BinaryKind::kAdd}, {erf, number(1)});
      const ValueId first =
          b.add("f", Binary{BinaryKind::kMul}, {x, half_first ? number(0.5F) : sum});
      b.output(b.add("y", Binary{BinaryKind::kMul}, {half_first ? sum : number(0.5F), first}), "y");
      EXPECT_EQ(to_string(optimized(b.finish())),
                "program gelu\n"
                "  input  %x: float32 [5, 8]\n"
                "  %y: float32 [5, 8] = gelu(%x)\n"
                "  output %y\n");
    }
  }
}

TEST(FuseFunctions, FourierFeaturesOfPoints) {
  const auto graph_of = [](float turn, bool cosine_first) {
    Builder b("points");
    const ValueId x = b.input("x", DType::kF32, {5, 2});
    const auto number = [&](float value) {
      return b.constant("c", make_tensor({}, std::vector<float>{value}));
    };
    const ValueId doubled = b.add("d", Binary{BinaryKind::kMul}, {number(2), x});
    const ValueId centred = b.add("m", Binary{BinaryKind::kSub}, {doubled, number(1)});
    const ValueId rows = b.constant("rows", random_tensor({8, 2}, 1));
    const ValueId product = b.add("p", graph::Linear{}, {centred, rows});
    const ValueId angles = b.add("t", Binary{BinaryKind::kMul}, {product, number(turn)});
    const ValueId sine = b.add("sin", Unary{UnaryKind::kSin}, {angles});
    const ValueId cosine = b.add("cos", Unary{UnaryKind::kCos}, {angles});
    b.output(b.add("y", graph::Concat{1},
                   cosine_first ? std::vector{cosine, sine} : std::vector{sine, cosine}),
             "y");
    return optimized(b.finish());
  };
  const Graph graph = graph_of(6.2831855F, false);
  EXPECT_EQ(to_string(graph),
            "program points\n"
            "  input  %x: float32 [5, 2]\n"
            "  %y: float32 [5, 16] = fourier_features(%x, @rows)\n"
            "  output %y\n");
  // Columns of what were rows.
  const Tensor columns = graph.value(graph.nodes[0].inputs[1]).constant->dense();
  EXPECT_EQ(columns.dims, (Dims{2, 8}));
  EXPECT_EQ(static_cast<const float*>(columns.data.get())[1],
            static_cast<const float*>(random_tensor({8, 2}, 1).data.get())[2]);
  EXPECT_EQ(count_of(graph_of(3.1415927F, false), "fourier_features"), 0U);
  EXPECT_EQ(count_of(graph_of(6.2831855F, true), "fourier_features"), 0U);
}

TEST(FuseFunctions, OtherFactorsAreNoGelu) {
  Builder b("no");
  const ValueId x = b.input("x", DType::kF32, {5, 8});
  const ValueId half = b.constant("c", make_tensor({}, std::vector<float>{0.5F}));
  const ValueId one = b.constant("o", make_tensor({}, std::vector<float>{1.0F}));
  const ValueId erf = b.add("e", Unary{UnaryKind::kErf}, {x});  // not divided
  const ValueId sum = b.add("a", Binary{BinaryKind::kAdd}, {erf, one});
  const ValueId first = b.add("f", Binary{BinaryKind::kMul}, {x, sum});
  b.output(b.add("y", Binary{BinaryKind::kMul}, {first, half}), "y");
  EXPECT_EQ(count_of(optimized(b.finish()), "gelu"), 0U);
}

TEST(FuseFunctions, BiasesOfLayersWithoutOne) {
  Builder b("bias");
  const ValueId x = b.input("x", DType::kF32, {5, 8});
  const ValueId w = b.constant("w", random_tensor({4, 8}, 1));
  const ValueId bias = b.constant("b", random_tensor({4}, 2));
  const ValueId h = b.add("h", graph::Linear{}, {x, w});
  const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {bias, h});
  b.output(b.add("y", Unary{UnaryKind::kRelu}, {sum}), "y");
  EXPECT_EQ(to_string(optimized(b.finish())),
            "program bias\n"
            "  input  %x: float32 [5, 8]\n"
            "  %y: float32 [5, 4] = linear(%x, @w, @b) {activation=relu}\n"
            "  output %y\n");
}

}  // namespace
}  // namespace lasso::passes
