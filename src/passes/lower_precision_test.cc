#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/check.h"
#include "graph/builder.h"
#include "passes/pass_test.h"

namespace lasso::passes {
namespace {

using graph::Linear;
using graph::ValueId;
using quant::PrecisionPlan;

// x -> norm -> qkv -> attention -> proj + x -> norm -> lin1 -> GELU -> lin2 + sum: a block of a
// ViT.
graph::Graph block() {
  graph::Builder b("block");
  const auto weights = [&](const std::string& name, Dims dims) {
    const auto count = static_cast<std::size_t>(element_count(dims));
    return b.constant(name, make_tensor(std::move(dims), std::vector<float>(count, 0.5F)));
  };
  const auto linear = [&](const std::string& name, ValueId x, std::int64_t n, std::int64_t k) {
    return b.add(name, Linear{},
                 {x, weights(name + ".weight", {n, k}), weights(name + ".bias", {n})});
  };
  const auto norm = [&](const std::string& name, ValueId x) {
    return b.add(name, graph::LayerNorm{},
                 {x, weights(name + ".gamma", {8}), weights(name + ".beta", {8})});
  };
  const ValueId x = b.input("x", DType::kF32, {graph::Dim::symbol("batch"), 4, 4, 8});
  const ValueId qkv = linear("qkv", norm("norm1", x), 24, 8);
  const ValueId attended = b.add("attn", graph::WindowAttention{2, 0, 0.5F},
                                 {qkv, graph::kNoValue, graph::kNoValue, graph::kNoValue});
  const ValueId sum = b.add("sum1", graph::Binary{}, {x, linear("proj", attended, 8, 8)});
  ValueId hidden = linear("lin1", norm("norm2", sum), 16, 8);
  hidden = b.add("gelu", graph::Unary{graph::Activation::kGelu}, {hidden});
  b.output(b.add("sum2", graph::Binary{}, {sum, linear("lin2", hidden, 8, 16)}), "y");
  return b.finish();
}

PrecisionPlan plan_of(DType weights, DType attention) {
  PrecisionPlan plan;
  for (const char* name : {"qkv", "proj", "lin1", "lin2"}) {
    plan.layers[std::string(name) + ".weight"].weights = weights;
  }
  plan.window_attention = attention;
  return plan;
}

graph::Graph lowered(graph::Graph graph, const PrecisionPlan& plan,
                     backend::DeviceKind device = backend::DeviceKind::kCpu) {
  PassContext context;
  context.target.kind = device;
  context.precision = plan;
  return test::optimized(std::move(graph), context);
}

// "op:type of the first result" of each node.
std::vector<std::string> types(const graph::Graph& graph) {
  std::vector<std::string> result;
  for (const graph::Node& node : graph.nodes) {
    result.push_back(std::string(graph::op_name(node.op)) + ":" +
                     std::string(to_string(graph.value(node.outputs.front()).dtype)));
  }
  return result;
}

const graph::Node& node_of(const graph::Graph& graph, const std::string& weights) {
  for (const graph::Node& node : graph.nodes) {
    if (std::holds_alternative<Linear>(node.op) && graph.value(node.inputs[1]).name == weights) {
      return node;
    }
  }
  fail(ErrorCode::kInternal, "no layer {}", weights);
}

TEST(LowerPrecision, AnEmptyPlanChangesNothing) {
  EXPECT_EQ(graph::to_string(lower_precision(block(), {})), graph::to_string(block()));
}

TEST(LowerPrecision, Bf16FlowsBetweenLayersAndResidualsStayFloat32) {
  const graph::Graph graph = lowered(block(), plan_of(DType::kBF16, DType::kBF16));
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{"layer_norm:bfloat16", "linear:bfloat16",
                                      "window_attention:bfloat16", "linear:float32",
                                      "layer_norm:bfloat16", "linear:bfloat16", "linear:float32"}));
}

TEST(LowerPrecision, Float16FlowsLikeBf16) {
  const graph::Graph graph = lowered(block(), plan_of(DType::kF16, DType::kF16));
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{"layer_norm:float16", "linear:float16",
                                      "window_attention:float16", "linear:float32",
                                      "layer_norm:float16", "linear:float16", "linear:float32"}));
}

// What overflows in float16 does so in attention, too, which follows the layer before it.
TEST(LowerPrecision, NeighboursInDifferentTypesOf16Bits) {
  PrecisionPlan plan = plan_of(DType::kF16, DType::kF16);
  plan.layers["qkv.weight"].weights = DType::kBF16;
  const graph::Graph graph = lowered(block(), plan);
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{"layer_norm:bfloat16", "linear:bfloat16",
                                      "window_attention:bfloat16", "cast:float16", "linear:float32",
                                      "layer_norm:float16", "linear:float16", "linear:float32"}));
}

TEST(LowerPrecision, Int8IsQuantisedByWhoMakesItAndBehindAttention) {
  const graph::Graph graph = lowered(block(), plan_of(DType::kI8, DType::kBF16));
  EXPECT_EQ(types(graph), (std::vector<std::string>{"layer_norm:uint8", "linear:bfloat16",
                                                    "window_attention:bfloat16", "quantize:uint8",
                                                    "linear:float32", "layer_norm:uint8",
                                                    "linear:uint8", "linear:float32"}));
  EXPECT_EQ(graph.nodes.front().outputs.size(), 2U);
}

TEST(LowerPrecision, NeighboursMayDiffer) {
  PrecisionPlan plan = plan_of(DType::kI8, DType::kF32);
  plan.layers.erase("lin1.weight");
  plan.layers["proj.weight"].weights = DType::kBF16;
  const graph::Graph graph = lowered(block(), plan);
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{
                "layer_norm:uint8", "linear:float32", "window_attention:float32", "linear:float32",
                "layer_norm:float32", "linear:float32", "quantize:uint8", "linear:float32"}));
  EXPECT_EQ(std::get<Linear>(node_of(graph, "proj.weight").op).weights, DType::kBF16);
}

// x -> convolution -> norm -> GELU -> transposed convolution, and of the norm's input a linear
// layer, too.
graph::Graph convolutions() {
  graph::Builder b("convolutions");
  const auto weights = [&](const std::string& name, Dims dims) {
    const auto count = static_cast<std::size_t>(element_count(dims));
    return b.constant(name, make_tensor(std::move(dims), std::vector<float>(count, 0.5F)));
  };
  const ValueId x = b.input("x", DType::kF32, {graph::Dim::symbol("batch"), 4, 4, 8});
  const ValueId y =
      b.add("y", graph::Conv2d{3, 3, 1, 1}, {x, weights("conv.weight", {8, 8, 3, 3})});
  const ValueId normed =
      b.add("norm", graph::LayerNorm{}, {y, weights("norm.gamma", {8}), weights("norm.beta", {8})});
  const ValueId hidden = b.add("gelu", graph::Unary{graph::Activation::kGelu}, {normed});
  b.output(b.add("up", graph::ConvTranspose2d{2}, {hidden, weights("up.weight", {8, 6, 2, 2})}),
           "up");
  b.output(b.add("side", Linear{}, {y, weights("side.weight", {5, 8})}), "side");
  return b.finish();
}

TEST(LowerPrecision, ConvolutionsReadWhatIsThere) {
  PrecisionPlan plan;
  for (const char* name : {"conv.weight", "up.weight", "side.weight"}) {
    plan.layers[name].weights = DType::kBF16;
  }
  const graph::Graph graph = lowered(convolutions(), plan);
  EXPECT_EQ(types(graph), (std::vector<std::string>{"conv2d:float32", "layer_norm:bfloat16",
                                                    "conv_transpose2d:float32", "linear:float32"}));
  EXPECT_EQ(std::get<graph::Conv2d>(graph.nodes[0].op).weights, DType::kBF16);
  EXPECT_EQ(std::get<graph::ConvTranspose2d>(graph.nodes[2].op).weights, DType::kBF16);
}

TEST(LowerPrecision, OnAGpuFactorsAreCastOnceForAllReaders) {
  PrecisionPlan plan;
  for (const char* name : {"conv.weight", "up.weight", "side.weight"}) {
    plan.layers[name].weights = DType::kF16;
  }
  const graph::Graph graph = lowered(convolutions(), plan, backend::DeviceKind::kCuda);
  EXPECT_EQ(types(graph), (std::vector<std::string>{
                              "cast:float16", "conv2d:float32", "layer_norm:float16",
                              "conv_transpose2d:float32", "cast:float16", "linear:float32"}));
}

// Patches that do not overlap are rounded as they are gathered.
TEST(LowerPrecision, OnAGpuPatchesAreNotCast) {
  graph::Builder b("patches");
  const ValueId x = b.input("x", DType::kF32, {1, 8, 8, 3});
  const auto weights = make_tensor({6, 3, 4, 4}, std::vector<float>(6 * 3 * 4 * 4, 0.5F));
  b.output(b.add("y", graph::Conv2d{4, 4, 4, 0}, {x, b.constant("conv.weight", weights)}), "y");
  PrecisionPlan plan;
  plan.layers["conv.weight"].weights = DType::kF16;
  const graph::Graph graph = lowered(b.finish(), plan, backend::DeviceKind::kCuda);
  EXPECT_EQ(types(graph), (std::vector<std::string>{"conv2d:float32"}));
  EXPECT_EQ(std::get<graph::Conv2d>(graph.nodes[0].op).weights, DType::kF16);
}

// Tokens attend to each other in float32, and to an image, whose keys and values are layers'.
graph::Graph cross_attention() {
  graph::Builder b("cross");
  const auto linear = [&](const std::string& name, ValueId x) {
    return b.add(
        name, Linear{},
        {x, b.constant(name + ".weight", make_tensor({8, 8}, std::vector<float>(64, 0.5F)))});
  };
  const ValueId tokens = b.input("tokens", DType::kF32, {graph::Dim::symbol("prompts"), 3, 8});
  const ValueId image = b.input("image", DType::kF32, {1, 16, 8});
  const ValueId values = b.input("values", DType::kF32, {1, 16, 8});
  const ValueId q = linear("self.q", tokens);
  const ValueId self = b.add("self", graph::Attention{2, 0.5F}, {q, q, tokens});
  const ValueId cross = b.add("cross", graph::Attention{2, 0.5F},
                              {linear("cross.q", self), linear("cross.k", image), values});
  b.output(linear("cross.out", cross), "y");
  return b.finish();
}

TEST(LowerPrecision, AttentionFollowsTheLayersThatItReads) {
  PrecisionPlan plan;
  for (const char* name : {"cross.q", "cross.k", "cross.out"}) {
    plan.layers[std::string(name) + ".weight"].weights = DType::kBF16;
  }
  const auto attentions = [&] {
    std::vector<std::string> result;
    for (const std::string& type : types(lowered(cross_attention(), plan))) {
      if (type.starts_with("attention")) result.push_back(type);
    }
    return result;
  };
  EXPECT_EQ(attentions(), (std::vector<std::string>{"attention:float32", "attention:float32"}));
  plan.attention = DType::kBF16;
  EXPECT_EQ(attentions(), (std::vector<std::string>{"attention:float32", "attention:bfloat16"}));
  EXPECT_EQ(types(lowered(cross_attention(), plan)),
            (std::vector<std::string>{"linear:float32", "attention:float32", "linear:bfloat16",
                                      "linear:bfloat16", "cast:bfloat16", "attention:bfloat16",
                                      "linear:float32"}));
}

// An operation of two results keeps them: only what is rounded by rows has scales behind it.
TEST(LowerPrecision, OperationsOfTwoResultsBesideLowerLayers) {
  graph::Builder b("best");
  const ValueId x = b.input("x", DType::kF32, {4, 8});
  const auto weights = make_tensor({8, 8}, std::vector<float>(64, 0.5F));
  const ValueId y = b.add("y", Linear{}, {x, b.constant("a.weight", weights)});
  const std::vector<ValueId> best = b.add_results({"best", "best.places"}, graph::TopK{1, 3}, {y});
  b.output(b.add("z", Linear{}, {y, b.constant("b.weight", weights)}), "z");
  b.output(best[0], "best");
  b.output(best[1], "best.places");
  PrecisionPlan plan;
  plan.layers["a.weight"].weights = DType::kBF16;
  plan.layers["b.weight"].weights = DType::kI8;
  const graph::Graph graph = lowered(b.finish(), plan);
  EXPECT_EQ(types(graph), (std::vector<std::string>{"linear:float32", "top_k:float32",
                                                    "quantize:uint8", "linear:float32"}));
  EXPECT_EQ(graph.nodes[1].outputs.size(), 2U);
  EXPECT_EQ(graph.nodes[2].outputs.size(), 2U);
}

// Of int8 convolutions the range of the input must be known, and transposed ones have none.
TEST(LowerPrecision, RefusesConvolutionsInInt8) {
  PrecisionPlan plan;
  plan.layers["conv.weight"].weights = DType::kI8;
  EXPECT_THROW(lowered(convolutions(), plan), Error);
  plan.layers.clear();
  plan.layers["up.weight"] = {.weights = DType::kI8, .input = {0, 1}};
  EXPECT_THROW(lowered(convolutions(), plan), Error);
}

// x -> a -> (halved b, c) -> joined with a's largest numbers -> d -> y: what detectors are made of.
graph::Graph branches() {
  graph::Builder b("branches");
  const auto convolution = [&](const std::string& name, ValueId x, std::int64_t channels) {
    const Dims dims{8, channels, 1, 1};
    const auto weights =
        make_tensor(dims, std::vector<float>(static_cast<std::size_t>(8 * channels), 0.5F));
    return b.add(name, graph::Conv2d{}, {x, b.constant(name + ".weight", weights)});
  };
  const ValueId x = b.input("x", DType::kF32, {1, 4, 4, 8});
  const ValueId a = convolution("a", x, 8);
  const ValueId largest = b.add("largest", graph::Pool2d{graph::PoolKind::kMax, 3, 3, 1, 1}, {a});
  graph::Resize twice;
  twice.height = 4;
  twice.width = 4;
  const ValueId halved = b.add("halved", graph::Pool2d{graph::PoolKind::kMax, 2, 2, 2, 0}, {a});
  const ValueId resized = b.add("resized", twice, {convolution("c", halved, 8)});
  const ValueId joined = b.add("joined", graph::Concat{3}, {largest, resized});
  b.output(convolution("d", joined, 16), "y");
  return b.finish();
}

TEST(LowerPrecision, ValuesThatOnlyMoveKeepTheTypeOfWhoMakesThem) {
  PrecisionPlan plan;
  for (const char* name : {"a.weight", "c.weight", "d.weight"}) {
    plan.layers[name].weights = DType::kBF16;
  }
  EXPECT_EQ(types(lowered(branches(), plan)),
            (std::vector<std::string>{"conv2d:bfloat16", "pool2d:bfloat16", "pool2d:bfloat16",
                                      "conv2d:bfloat16", "resize:bfloat16", "concat:bfloat16",
                                      "conv2d:float32"}));
  // One of the joined values is float32: a reader that rounds itself rounds once, in its loop.
  plan.layers.erase("c.weight");
  EXPECT_EQ(types(lowered(branches(), plan)),
            (std::vector<std::string>{"conv2d:float32", "pool2d:float32", "pool2d:float32",
                                      "linear:float32", "resize:float32", "concat:float32",
                                      "conv2d:float32"}));
}

TEST(LowerPrecision, Int8ValuesThatMeetHaveOneScheme) {
  PrecisionPlan plan;
  plan.layers["a.weight"] = {.weights = DType::kI8, .input = {-1, 3}};
  plan.layers["c.weight"] = {.weights = DType::kI8, .input = {-0.5F, 2}};
  plan.layers["d.weight"] = {.weights = DType::kI8, .input = {-1, 4.1F}};
  const graph::Graph graph = lowered(branches(), plan);
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{"quantize_tensor:uint8", "conv2d:uint8", "pool2d:uint8",
                                      "pool2d:uint8", "conv2d:uint8", "resize:uint8",
                                      "concat:uint8", "conv2d:float32"}));
  const auto& first = std::get<graph::Conv2d>(graph.nodes[1].op);
  EXPECT_EQ(std::get<graph::QuantizeTensor>(graph.nodes[0].op).scheme, first.input);
  EXPECT_FLOAT_EQ(first.input.scale, 4.0F / 255);
  EXPECT_EQ(first.input.zero, 64);  // 63.75
  // From -1 to 4.1, which covers what c and d read, for all that is joined.
  EXPECT_FLOAT_EQ(first.result.scale, 5.1F / 255);
  EXPECT_EQ(first.result.zero, 50);
  const auto& c = std::get<graph::Conv2d>(graph.nodes[4].op);
  EXPECT_EQ(c.input, first.result);
  EXPECT_EQ(c.result, first.result);
  const auto& last = std::get<graph::Conv2d>(graph.nodes[7].op);
  EXPECT_EQ(last.input, first.result);
  EXPECT_EQ(last.result, graph::Affine{});
}

// x -> a, of three channels -> b, with windows of `kernel` x `kernel` pixels.
graph::Graph pixels(std::int64_t kernel = 3) {
  graph::Builder b("pixels");
  const ValueId x = b.input("x", DType::kF32, {1, 4, 4, 3});
  const auto weights = [&](const std::string& name, std::int64_t channels) {
    const Dims dims{8, channels, kernel, kernel};
    const auto count = static_cast<std::size_t>(element_count(dims));
    return b.constant(name, make_tensor(dims, std::vector<float>(count, 1.0F)));
  };
  const graph::Conv2d op{kernel, kernel, 1, kernel / 2};
  const ValueId a = b.add("a", op, {x, weights("a.weight", 3)});
  b.output(b.add("b", op, {a, weights("b.weight", 8)}), "y");
  return b.finish();
}

TEST(LowerPrecision, WhatReadsPixelsOnACpuWritesLowerTypes) {
  PrecisionPlan plan;
  plan.layers["b.weight"].weights = DType::kBF16;
  EXPECT_EQ(types(lowered(pixels(), plan)),
            (std::vector<std::string>{"conv2d:bfloat16", "conv2d:float32"}));
  EXPECT_EQ(types(lowered(pixels(), plan, backend::DeviceKind::kCuda)),
            (std::vector<std::string>{"conv2d:float32", "cast:bfloat16", "conv2d:float32"}));
  plan.layers["b.weight"] = {.weights = DType::kI8, .input = {-1, 4.1F}};
  const graph::Graph graph = lowered(pixels(), plan);
  EXPECT_EQ(types(graph), (std::vector<std::string>{"conv2d:uint8", "conv2d:float32"}));
  const auto& first = std::get<graph::Conv2d>(graph.nodes[0].op);
  EXPECT_EQ(first.weights, DType::kF32);
  EXPECT_EQ(first.result, std::get<graph::Conv2d>(graph.nodes[1].op).input);
  // A window of one pixel, too, which no linear layer would round.
  EXPECT_EQ(types(lowered(pixels(1), plan)),
            (std::vector<std::string>{"conv2d:uint8", "conv2d:float32"}));
}

// What a float32 layer makes is quantised before it is joined; what a float32 layer reads, too,
// stays float32, and is quantised by its reader's own range.
TEST(LowerPrecision, Int8BesideFloat32) {
  PrecisionPlan plan;
  plan.layers["a.weight"] = {.weights = DType::kI8, .input = {-1, 3}};
  plan.layers["d.weight"] = {.weights = DType::kI8, .input = {0, 5.1F}};
  const graph::Graph graph = lowered(branches(), plan);
  EXPECT_EQ(types(graph),
            (std::vector<std::string>{"quantize_tensor:uint8", "conv2d:float32",
                                      "quantize_tensor:uint8", "pool2d:uint8", "pool2d:float32",
                                      "linear:float32", "quantize_tensor:uint8", "resize:uint8",
                                      "concat:uint8", "conv2d:float32"}));
  EXPECT_EQ(std::get<graph::Conv2d>(graph.nodes[9].op).input, (graph::Affine{5.1F / 255, 0}));
}

TEST(LowerPrecision, SmoothingDividesTheInputAndMultipliesTheWeights) {
  PrecisionPlan plan = plan_of(DType::kI8, DType::kF32);
  plan.layers["qkv.weight"].smoothing = {1, 2, 4, 8, 1, 2, 4, 8};
  plan.layers["proj.weight"].smoothing = std::vector<float>(8, 2.0F);
  plan.layers["lin2.weight"].smoothing = std::vector<float>(16, 4.0F);
  const graph::Graph graph = lowered(block(), plan);
  const auto first = [&](ValueId id, std::size_t i) {
    return graph.value(id).constant->view().as<float>()[i];
  };
  EXPECT_EQ(first(graph.nodes[0].inputs[1], 3), 0.5F / 8);  // gamma of norm1
  EXPECT_EQ(first(graph.nodes[0].inputs[2], 2), 0.5F / 4);  // and beta
  EXPECT_EQ(first(node_of(graph, "qkv.weight").inputs[5], 3), 8.0F);
  const auto quantize = std::find_if(
      graph.nodes.begin(), graph.nodes.end(),
      [](const graph::Node& node) { return std::holds_alternative<graph::Quantize>(node.op); });
  ASSERT_NE(quantize, graph.nodes.end());
  EXPECT_EQ(first(quantize->inputs.at(1), 0), 0.5F);
  EXPECT_EQ(first(node_of(graph, "proj.weight").inputs[5], 0), 2.0F);
  EXPECT_EQ(first(node_of(graph, "lin1.weight").inputs.at(6), 15), 0.25F);
  EXPECT_EQ(first(node_of(graph, "lin2.weight").inputs[5], 15), 4.0F);
}

TEST(LowerPrecision, RefusesASmoothingOfAnotherLength) {
  PrecisionPlan plan = plan_of(DType::kI8, DType::kF32);
  plan.layers["qkv.weight"].smoothing = {1, 2};
  EXPECT_THROW(lowered(block(), plan), Error);
}

}  // namespace
}  // namespace lasso::passes
