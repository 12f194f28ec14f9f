#include <gtest/gtest.h>

#include "graph/builder.h"
#include "passes/pass_test.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::Activation;
using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Linear;
using graph::Unary;
using graph::ValueId;
using test::optimized;
using test::zeros;

const graph::Dim kRows = graph::Dim::symbol("rows");

struct Mlp {
  Builder b{"mlp"};
  ValueId x = b.input("x", DType::kF32, {kRows, 8});
  ValueId w1 = b.constant("w1", zeros({16, 8}));
  ValueId w2 = b.constant("w2", zeros({8, 16}));
};

TEST(Passes, FuseActivationAndResidual) {
  Mlp m;
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  const ValueId a = m.b.add("a", Unary{Activation::kGelu}, {h});
  const ValueId o = m.b.add("o", Linear{}, {a, m.w2});
  m.b.output(m.b.add("y", Binary{BinaryKind::kAdd}, {m.x, o}), "y");
  EXPECT_EQ(to_string(optimized(m.b.finish())),
            "program mlp\n"
            "  input  %x: float32 [rows, 8]\n"
            "  %a: float32 [rows, 16] = linear(%x, @w1) {activation=gelu}\n"
            "  %y: float32 [rows, 8] = linear(%a, @w2, none, %x)\n"
            "  output %y\n");
}

TEST(Passes, FuseSilu) {
  Mlp m;
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  const ValueId a = m.b.add("a", Unary{graph::UnaryKind::kSilu}, {h});
  const ValueId sum = m.b.add("sum", Binary{BinaryKind::kMul}, {a, a});
  m.b.output(m.b.add("y", Unary{graph::UnaryKind::kSilu}, {sum}), "y");
  EXPECT_EQ(to_string(optimized(m.b.finish())),
            "program mlp\n"
            "  input  %x: float32 [rows, 8]\n"
            "  %a: float32 [rows, 16] = linear(%x, @w1) {activation=silu}\n"
            "  %y: float32 [rows, 16] = mul(%a, %a) {activation=silu}\n"
            "  output %y\n");
}

TEST(Passes, ValuesThatAreReadElsewhereAreNotMerged) {
  Mlp m;
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  const ValueId a = m.b.add("a", Unary{Activation::kGelu}, {h});
  m.b.output(h, "h");
  m.b.output(a, "a");
  EXPECT_EQ(optimized(m.b.finish()).nodes.size(), 2U);
}

TEST(Passes, BroadcastSumsAreNotResiduals) {
  Mlp m;
  const ValueId bias = m.b.input("bias", DType::kF32, {16});
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  m.b.output(m.b.add("y", Binary{BinaryKind::kAdd}, {h, bias}), "y");
  EXPECT_EQ(optimized(m.b.finish()).nodes.size(), 2U);
}

TEST(Passes, DeadNodesAndConstantsGo) {
  Mlp m;
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  m.b.add("unused", Linear{}, {h, m.w2});
  m.b.output(h, "h");
  const graph::Graph graph = optimized(m.b.finish());
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.values.size(), 3U);
}

TEST(Passes, ActivationBehindAResidualStays) {
  Mlp m;
  const ValueId h = m.b.add("h", Linear{}, {m.x, m.w1});
  const ValueId o = m.b.add("o", Linear{}, {h, m.w2});
  const ValueId sum = m.b.add("sum", Binary{BinaryKind::kAdd}, {o, m.x});
  m.b.output(m.b.add("y", Unary{Activation::kRelu}, {sum}), "y");
  const graph::Graph graph = optimized(m.b.finish());
  // relu(x W + r) is not what a linear computes (relu(x W) + r): the sum takes the activation.
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(std::get<Binary>(graph.nodes[2].op).activation, Activation::kRelu);
}

// Two images joined for two convolutions of one pixel, and perhaps for another reader.
graph::Graph joined_images(bool other_reader, bool of_input = false) {
  graph::Builder b("joined");
  const auto image = [&](const std::string& name, std::int64_t channels) {
    const ValueId input = b.input(name, DType::kF32, {1, 4, 4, channels});
    return b.add(name + ".sigmoid", graph::Unary{graph::UnaryKind::kSigmoid}, {input});
  };
  const ValueId x = image("x", 3);
  const ValueId y = of_input ? b.input("y", DType::kF32, {1, 4, 4, 5}) : image("y", 5);
  const ValueId joined = b.add("joined", graph::Concat{3}, {x, y});
  for (const char* name : {"a", "b"}) {
    const auto weights = make_tensor({2, 8, 1, 1}, std::vector<float>(16, 0.5F));
    b.output(
        b.add(name, graph::Conv2d{}, {joined, b.constant(std::string(name) + ".weight", weights)}),
        name);
  }
  if (other_reader) b.output(b.add("z", graph::Unary{graph::UnaryKind::kSigmoid}, {joined}), "z");
  return b.finish();
}

// Of the nodes behind those that make the images.
std::vector<std::size_t> inputs_of_nodes(const graph::Graph& graph) {
  std::vector<std::size_t> counts;
  for (std::size_t i = 2; i < graph.nodes.size(); ++i) {
    counts.push_back(graph.nodes[i].inputs.size());
  }
  return counts;
}

TEST(Passes, ConvolutionsReadImagesThatAreJoinedForThemAlone) {
  PassContext context;
  context.has_fast_kernel = [](const graph::Graph&, const graph::Node&) { return true; };
  const graph::Graph fused = test::optimized(joined_images(false), context);
  ASSERT_EQ(inputs_of_nodes(fused), (std::vector<std::size_t>{4, 4}));
  EXPECT_EQ(fused.nodes[3].inputs[0], fused.nodes[0].outputs[0]);
  EXPECT_EQ(fused.nodes[3].inputs[3], fused.nodes[1].outputs[0]);
  EXPECT_EQ(inputs_of_nodes(test::optimized(joined_images(true), context)),
            (std::vector<std::size_t>{2, 2, 2, 1}));
  // An input is joined by a step, behind which both read one image.
  EXPECT_EQ(inputs_of_nodes(test::optimized(joined_images(false, true), context)),
            (std::vector<std::size_t>{2, 2}));
  context.has_fast_kernel = [](const graph::Graph&, const graph::Node&) { return false; };
  EXPECT_EQ(inputs_of_nodes(test::optimized(joined_images(false), context)),
            (std::vector<std::size_t>{2, 2, 2}));
  EXPECT_EQ(inputs_of_nodes(test::optimized(joined_images(false))),
            (std::vector<std::size_t>{2, 2, 2}));
}

TEST(Passes, SplitsAreDone) {
  Mlp m;
  m.b.output(m.b.add("h", Linear{}, {m.x, m.w1}), "h");
  graph::Module module;
  module.programs.push_back(m.b.finish());
  module.splits = {{"mlp", "all", {"x"}}};
  // All of the program depends on x: nothing is left to compute.
  const graph::Module split = optimize(std::move(module), {});
  ASSERT_EQ(split.programs.size(), 2U);
  EXPECT_EQ(split.programs[0].name, "all");
  EXPECT_TRUE(split.programs[1].nodes.empty());
}

}  // namespace
}  // namespace lasso::passes
