#include "models/detector/calibrate/layers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend/test_target.h"
#include "graph/builder.h"

namespace lasso::detector {
namespace {

using graph::Builder;
using graph::Conv2d;
using graph::ValueId;

class Chain {
 public:
  ValueId conv(const std::string& name, ValueId x, std::int64_t from, std::int64_t to,
               std::int64_t groups = 1) {
    const Dims dims{to, from / groups, 1, 1};
    const std::vector<float> ones(static_cast<std::size_t>(element_count(dims)), 1.0F);
    Conv2d op;
    op.groups = groups;
    return b.add(name, op, {x, b.constant(name + ".weight", make_tensor(dims, ones))});
  }
  ValueId sigmoid(const std::string& name, ValueId x) {
    return b.add(name, graph::Unary{graph::UnaryKind::kSigmoid}, {x});
  }

  Builder b{"main"};
};

// images -> first -> (deep -> concat with it) -> grouped -> second -> two maps, one of them behind
// a sum.
graph::Graph program() {
  Chain c;
  const ValueId images = c.b.input("images", DType::kF32, {1, 8, 8, 3});
  const ValueId first = c.conv("first", images, 3, 8);
  const ValueId deep = c.sigmoid("silu", c.conv("deep", first, 8, 8));
  const ValueId both = c.b.add("both", graph::Concat{3}, {first, deep});
  const ValueId grouped = c.conv("grouped", both, 16, 16, 16);
  const ValueId second = c.conv("second", grouped, 16, 8);
  const ValueId map = c.conv("map", second, 8, 6);
  const ValueId side = c.conv("side", second, 8, 6);
  c.b.output(
      c.b.add("sum", graph::Binary{graph::BinaryKind::kAdd}, {c.sigmoid("score", map), side}),
      "sum");
  return c.b.finish();
}

TEST(DetectorLayers, AreConvolutionsBetweenTheFirstAndTheLast) {
  EXPECT_EQ(lowerable_layers(program()),
            (std::vector<std::string>{"deep.weight", "second.weight"}));
}

// A sum of more numbers need not fit into 32 bits, and no kernel takes it.
TEST(DetectorLayers, HaveNoMoreInputsThanInt8Adds) {
  Chain c;
  ValueId x = c.b.input("images", DType::kF32, {1, 8, 8, 8});
  x = c.conv("wide", x, 8, 65537);
  x = c.conv("too_long", x, 65537, 8);
  x = c.conv("as_wide", x, 8, 65536);
  x = c.conv("longest", x, 65536, 8);
  c.b.output(c.conv("map", x, 8, 6), "map");
  EXPECT_EQ(lowerable_layers(c.b.finish()),
            (std::vector<std::string>{"wide.weight", "as_wide.weight", "longest.weight"}));
}

TEST(DetectorLayers, AnOutputOfItsOwnIsALast) {
  Chain c;
  const ValueId images = c.b.input("images", DType::kF32, {1, 8, 8, 8});
  const ValueId inner = c.conv("inner", images, 8, 8);
  const ValueId shown = c.conv("shown", inner, 8, 8);
  c.b.output(shown, "shown");
  c.b.output(c.conv("map", shown, 8, 6), "map");
  EXPECT_EQ(lowerable_layers(c.b.finish()), (std::vector<std::string>{"inner.weight"}));
}

TEST(DetectorLayers, WeightsOfALastLayerAreKeptEverywhere) {
  Chain c;
  const ValueId images = c.b.input("images", DType::kF32, {1, 8, 8, 8});
  const ValueId weights =
      c.b.constant("shared", make_tensor({8, 8, 1, 1}, std::vector<float>(64, 1.0F)));
  const ValueId inner = c.b.add("inner", Conv2d{}, {images, weights});
  c.b.output(c.b.add("map", Conv2d{}, {c.conv("other", inner, 8, 8), weights}), "map");
  EXPECT_EQ(lowerable_layers(c.b.finish()), (std::vector<std::string>{"other.weight"}));
}

TEST(DetectorLayers, WhatNoOutputNeedsIsNone) {
  Chain c;
  const ValueId images = c.b.input("images", DType::kF32, {1, 8, 8, 8});
  const ValueId inner = c.conv("inner", images, 8, 8);
  c.conv("beyond", c.conv("unused", inner, 8, 8), 8, 8);
  c.b.output(c.conv("map", inner, 8, 6), "map");
  EXPECT_EQ(lowerable_layers(c.b.finish()), (std::vector<std::string>{"inner.weight"}));
}

TEST(DetectorLayers, TheRestIsWhatTheTargetLowers) {
  backend::TargetInfo cpu = backend::test_target(1);
  quant::PrecisionPlan plan;
  plan.layers["deep.weight"].weights = DType::kI8;
  lower_the_rest(program(), cpu, DType::kBF16, plan);
  EXPECT_EQ(plan.layers.size(), 3U);
  EXPECT_EQ(plan.layers.at("deep.weight").weights, DType::kI8);
  EXPECT_EQ(plan.layers.at("map.weight").weights, DType::kBF16);
  EXPECT_EQ(plan.layers.at("side.weight").weights, DType::kBF16);
  backend::TargetInfo gpu;
  gpu.kind = backend::DeviceKind::kCuda;
  gpu.sm = 90;
  quant::PrecisionPlan on_gpu;
  lower_the_rest(program(), gpu, DType::kBF16, on_gpu);
  EXPECT_EQ(on_gpu.layers.size(), 4U);
  EXPECT_EQ(on_gpu.layers.at("first.weight").weights, DType::kF16);  // reads pixels
  EXPECT_EQ(on_gpu.layers.at("grouped.weight").weights, DType::kBF16);
}

}  // namespace
}  // namespace lasso::detector
