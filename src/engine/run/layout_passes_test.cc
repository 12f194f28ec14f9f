// Programs with channels before pixels, as exporters leave them: which transpositions and resizes
// stay, and that what is left computes the same.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/run/program_results.h"
#include "graph/builder.h"
#include "passes/pass_test.h"

namespace lasso::passes {
namespace {

using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Conv2d;
using graph::Dim;
using graph::Graph;
using graph::Reshape;
using graph::Resize;
using graph::ResizeCoordinates;
using graph::ResizeMode;
using graph::Slice;
using graph::Transpose;
using test::random_tensor;
using test::ValueId;

const Transpose kLast{{0, 2, 3, 1}};   // channels last
const Transpose kFirst{{0, 3, 1, 2}};  // channels first

std::size_t count_of(const Graph& graph, std::string_view name) {
  std::size_t count = 0;
  for (const graph::Node& node : graph.nodes) count += op_name(node.op) == name ? 1 : 0;
  return count;
}

// A convolution of x [batch, 4, 6, 8] to as many channels.
ValueId conv(Builder& b, ValueId x) {
  Conv2d op;
  op.kernel_h = op.kernel_w = 3;
  op.padding = 1;
  const ValueId w = b.constant("w", random_tensor({4, 4, 3, 3}, 1));
  return b.add("first", kFirst, {b.add("conv", op, {b.add("last", kLast, {x}), w})});
}

ValueId image(Builder& b) { return b.input("x", DType::kF32, {Dim::symbol("batch"), 4, 6, 8}); }

void expect_same(Builder& b, ValueId y, double tolerance, std::size_t transposes,
                 std::size_t resizes = 0) {
  b.output(y, "y");
  const Graph before = b.finish();
  const Graph after = test::optimized(before);
  EXPECT_EQ(count_of(after, "transpose"), transposes) << to_string(after);
  EXPECT_EQ(count_of(after, "resize"), resizes) << to_string(after);
  test::expect_near(DType::kF32, test::results_of(before)[0], test::results_of(after)[0],
                    tolerance);
}

TEST(LayoutPasses, PixelsBecomeTokens) {
  Builder b("tokens");
  const ValueId rows = b.add("rows", Reshape{{Dim::symbol("batch"), 4, 48}}, {conv(b, image(b))});
  const ValueId tokens = b.add("tokens", Transpose{{0, 2, 1}}, {rows});
  const ValueId places = b.constant("places", random_tensor({1, 48, 4}, 2));
  expect_same(b, b.add("sum", Binary{BinaryKind::kAdd}, {tokens, places}), 1e-6, 1);
}

TEST(LayoutPasses, ConstantsAreTransposedBeforehand) {
  Builder b("constants");
  const ValueId places = b.constant("places", random_tensor({1, 4, 6, 8}, 2));
  const ValueId sum = b.add("sum", Binary{BinaryKind::kSub}, {places, conv(b, image(b))});
  expect_same(b, conv(b, sum), 1e-5, 2);
}

TEST(LayoutPasses, AnotherOperandIsTransposedWhereThatSavesMore) {
  const auto sum_of = [](bool is_read_so) {
    Builder b("operands");
    const ValueId x = image(b);
    const ValueId other = b.input("other", DType::kF32, {Dim::symbol("batch"), 4, 6, 8});
    const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {other, conv(b, x)});
    const ValueId rows = b.add("rows", Reshape{{Dim::symbol("batch"), 4, 48}}, {sum});
    ValueId y = b.add("y", Transpose{{0, 2, 1}}, {rows});
    if (is_read_so) {
      y = b.add("both", graph::Concat{1},
                {y, b.add("flat", Reshape{{Dim::symbol("batch"), 48, 4}}, {sum})});
    }
    // Of both inputs; else of x, of the convolution's result and of the sum, whose rows another
    // value reads as they are.
    expect_same(b, y, 1e-6, is_read_so ? 3 : 2);
  };
  sum_of(false);
  sum_of(true);
}

// What stands in another order than it is merged in stays transposed.
TEST(LayoutPasses, MergesOfWhatStandsApart) {
  Builder b("apart");
  const ValueId y = b.add("y", Reshape{{Dim::symbol("batch"), 24, 8}}, {conv(b, image(b))});
  expect_same(b, y, 1e-6, 2);
}

Resize linear(ResizeCoordinates coordinates, Dim height, Dim width) {
  return {.mode = ResizeMode::kLinear,
          .coordinates = coordinates,
          .height = std::move(height),
          .width = std::move(width)};
}

ValueId resized(Builder& b, const Resize& op, ValueId x) {
  return b.add("resized", kFirst, {b.add("resize", op, {b.add("last", kLast, {x})})});
}

TEST(LayoutPasses, ImagesOfFewChannelsAreResizedAsTheyLie) {
  Builder b("resized");
  expect_same(b, resized(b, linear(ResizeCoordinates::kHalfPixel, 11, 20), image(b)), 1e-6, 0, 1);
}

TEST(LayoutPasses, TwoResizesAreOne) {
  const auto expect = [](ResizeCoordinates coordinates, bool cut, std::size_t resizes) {
    Builder b("masks");
    ValueId y = resized(b, linear(coordinates, 24, 32), image(b));
    if (cut) {
      y = b.add("rows", Slice{2, 0, 20}, {y});
      y = b.add("columns", Slice{3, 0, 30}, {y});
    }
    // 1e-6 of the place in 32 pixels, by steps of up to 2 between them.
    expect_same(b, resized(b, linear(coordinates, 21, 40), y), 2e-4, 0, resizes);
  };
  expect(ResizeCoordinates::kHalfPixel, false, 1);
  expect(ResizeCoordinates::kHalfPixel, true, 1);
  expect(ResizeCoordinates::kAsymmetric, true, 1);
  expect(ResizeCoordinates::kAlignCorners, false, 1);
}

// The first pixels of one that aligns its corners are not those of a smaller one.
TEST(LayoutPasses, CornersThatAreCutOffStay) {
  Builder b("corners");
  ValueId y = resized(b, linear(ResizeCoordinates::kAlignCorners, 24, 32), image(b));
  y = b.add("rows", Slice{2, 0, 20}, {y});
  b.output(resized(b, linear(ResizeCoordinates::kAlignCorners, 21, 40), y), "y");
  const Graph before = b.finish();
  const Graph after = test::optimized(before);
  EXPECT_EQ(count_of(after, "resize"), 2U);
  EXPECT_EQ(count_of(after, "slice"), 1U);
  test::expect_near(DType::kF32, test::results_of(before)[0], test::results_of(after)[0], 2e-4);
}

// Nor those from another one than the first on, and another reader sees all of them.
TEST(LayoutPasses, PartsOfResizedImages) {
  const auto expect = [](std::int64_t begin, bool is_read, std::size_t slices) {
    Builder b("parts");
    const ValueId all = resized(b, linear(ResizeCoordinates::kHalfPixel, 24, 32), image(b));
    b.output(resized(b, linear(ResizeCoordinates::kHalfPixel, 9, 9),
                     b.add("part", Slice{2, begin, 20}, {all})),
             "y");
    if (is_read) b.output(b.add("truth", graph::Unary{graph::UnaryKind::kSigmoid}, {all}), "z");
    const Graph before = b.finish();
    const Graph after = test::optimized(before);
    EXPECT_EQ(count_of(after, "slice"), slices) << to_string(after);
    const auto expected = test::results_of(before);
    const auto results = test::results_of(after);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      test::expect_near(DType::kF32, expected[i], results[i], 2e-4);
    }
  };
  expect(0, false, 0);
  expect(1, false, 1);
  expect(0, true, 1);
}

// A pyramid's levels read one another, and give what each gives alone, borders included. Windows of
// another shape stay.
TEST(LayoutPasses, LevelsOfAPyramidReadOneAnother) {
  const auto pyramid = [](const std::vector<std::int64_t>& kernels) {
    Builder b("pyramid");
    const ValueId x = b.add("last", kLast, {image(b)});
    for (const std::int64_t kernel : kernels) {
      graph::Pool2d op{graph::PoolKind::kMax, kernel, kernel, 1, kernel / 2};
      const std::string name = "pool" + std::to_string(kernel);
      b.output(b.add(name + ".first", kFirst, {b.add(name, op, {x})}), name);
    }
    return b.finish();
  };
  const Graph after = test::optimized(pyramid({13, 4, 5, 9}));
  std::vector<std::int64_t> kernels;
  for (const graph::Node& node : after.nodes) {
    const auto* op = std::get_if<graph::Pool2d>(&node.op);
    if (op != nullptr) kernels.push_back(op->kernel_h);
  }
  EXPECT_EQ(kernels, (std::vector<std::int64_t>{5, 5, 5, 4})) << to_string(after);
  const auto results = test::results_of(pyramid({13, 5, 9}));
  EXPECT_EQ(results[0], test::results_of(pyramid({13}))[0]);
  EXPECT_EQ(results[1], test::results_of(pyramid({5}))[0]);
  EXPECT_EQ(results[2], test::results_of(pyramid({9}))[0]);
}

}  // namespace
}  // namespace lasso::passes
