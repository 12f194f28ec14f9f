#include "quant/observe_layers.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "lasso/error.h"

namespace lasso::quant {
namespace {

using graph::ValueId;

Tensor zeros(const Dims& dims) {
  return make_tensor(dims, std::vector<float>(static_cast<std::size_t>(element_count(dims))));
}

// x -> tokens (a reshape) -> hidden -> y, and of x a second layer beside it.
graph::Graph program(const std::string& name) {
  graph::Builder b(name);
  const ValueId x = b.input("x", DType::kF32, {graph::Dim::symbol("batch"), 2, 2, 4});
  const ValueId tokens = b.add("tokens", graph::Reshape{{graph::Dim::symbol("batch") * 4, 4}}, {x});
  const ValueId hidden =
      b.add("hidden", graph::Linear{}, {tokens, b.constant("w1", zeros({6, 4}))});
  b.output(b.add("y", graph::Linear{}, {hidden, b.constant("w2", zeros({3, 6}))}), "y");
  b.output(b.add("side", graph::Linear{}, {x, b.constant("w3", zeros({2, 4}))}), "side");
  graph::Graph graph = b.finish();
  graph.typical = {{"batch", 1}};
  return graph;
}

TEST(ProductLayers, AreKnownByTheirWeights) {
  const auto layers = product_layers(program("first"));
  ASSERT_EQ(layers.size(), 3U);
  // A reshape is no step of its own: x is what is reported.
  ASSERT_EQ(layers.at("w1").inputs.size(), 1U);
  EXPECT_EQ(layers.at("w1").inputs.front().name, "x");
  ASSERT_EQ(layers.at("w2").inputs.size(), 1U);
  EXPECT_EQ(layers.at("w2").inputs.front().name, "hidden");
  EXPECT_EQ(layers.at("w2").inputs.front().count, 6);
  EXPECT_EQ(layers.at("w2").channels, 6);
  const std::vector<double> shares = shares_of_work(program("first"), {"w1", "w2"});
  EXPECT_DOUBLE_EQ(shares[0], 24.0 / (24 + 18 + 8));
  EXPECT_DOUBLE_EQ(shares[1], 18.0 / (24 + 18 + 8));
  EXPECT_THROW(shares_of_work(program("first"), {"w4"}), Error);
}

TEST(LayerObserver, SeesTheLayersOfAllItsPrograms) {
  const graph::Graph first = program("first");
  const graph::Graph second = program("second");
  LayerObserver observer({&first, &second}, {"w3", "w2", "w1"}, 8);
  const std::vector<float> x{1, -2, 3, 4, 5, 6, 7, -8};
  observer.add("first", "x", {1, 1, 2, 4}, x.data());
  observer.add("second", "x", {1, 1, 1, 4}, x.data());
  observer.add("third", "x", {1, 1, 1, 4}, x.data());
  observer.add("first", "y", {1, 4}, x.data());
  observer.add("first", "x", {1, 1, 1, 4}, nullptr);
  EXPECT_EQ(observer.inputs()[0].largest(), (std::vector<float>{5, 6, 7, 8}));
  EXPECT_EQ(observer.inputs()[0].row_count(), 3);
  EXPECT_EQ(observer.inputs()[1].row_count(), 0);
  EXPECT_EQ(observer.inputs()[2].row_count(), 3);
  EXPECT_THROW(LayerObserver({&first}, {"w4"}, 8), Error);
}

// A layer of two images, one of which it reads twice, has read all of them.
TEST(LayerObserver, SeesAllImagesThatAConvolutionReads) {
  graph::Builder b("main");
  const ValueId x = b.input("x", DType::kF32, {1, 1, 2, 2});
  const ValueId y = b.input("y", DType::kF32, {1, 1, 2, 1});
  b.output(b.add("z", graph::Conv2d{}, {y, b.constant("w", zeros({3, 5, 1, 1})), -1, x, x}), "z");
  const graph::Graph graph = b.finish();
  LayerObserver observer({&graph}, {"w"}, 8);
  EXPECT_EQ(observer.inputs()[0].channels(), 5);
  const std::vector<float> images{1, 2, 3, 4};
  const std::vector<float> others{-7, 9};
  observer.add("main", "x", {1, 1, 2, 2}, images.data());
  observer.add("main", "y", {1, 1, 2, 1}, others.data());
  EXPECT_EQ(observer.inputs()[0].range(), (Range{-7, 9}));
  EXPECT_EQ(observer.inputs()[0].largest(), (std::vector<float>{9, 3, 4, 3, 4}));
  EXPECT_EQ(observer.inputs()[0].rows(), (std::vector<float>{-7, 1, 2, 1, 2, 9, 3, 4, 3, 4}));
}

}  // namespace
}  // namespace lasso::quant
