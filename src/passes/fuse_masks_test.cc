#include <gtest/gtest.h>

#include "graph/builder.h"
#include "passes/pass_test.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::Activation;
using graph::ValueId;
using test::zeros;

const graph::Dim kBatch = graph::Dim::symbol("batch");

// The end of a mask decoder: rows of image tokens become a larger image, whose pixels are
// multiplied.
graph::Graph masks(bool read_elsewhere = false, std::int64_t second_stride = 2) {
  graph::Builder b("masks");
  const ValueId a = b.input("a", DType::kF32, {kBatch, 4, 6});
  const ValueId x = b.input("x", DType::kF32, {kBatch, 15, 8});
  ValueId image = b.add("image", graph::Reshape{{kBatch, 3, 5, 8}}, {x});
  image = b.add("first", graph::ConvTranspose2d{2}, {image, b.constant("w1", zeros({8, 7, 2, 2}))});
  image = b.add("norm", graph::LayerNorm{},
                {image, b.constant("g", zeros({7})), b.constant("h", zeros({7}))});
  image = b.add("gelu", graph::Unary{Activation::kGelu}, {image});
  if (read_elsewhere) b.output(image, "gelu");
  image = b.add("second", graph::ConvTranspose2d{second_stride},
                {image, b.constant("w2", zeros({7, 6, second_stride, second_stride})),
                 b.constant("b2", zeros({6}))});
  image = b.add("relu", graph::Unary{Activation::kRelu}, {image});
  const std::int64_t pixels = 60 * second_stride * second_stride;
  image = b.add("pixels", graph::Reshape{{kBatch, pixels, 6}}, {image});
  b.output(b.add("y", graph::MatMul{}, {a, image}), "y");
  return b.finish();
}

std::string fused(graph::Graph graph, DType first, DType second,
                  backend::DeviceKind device = backend::DeviceKind::kCpu) {
  PassContext context;
  context.target.kind = device;
  context.precision.layers["w1"].weights = first;
  context.precision.layers["w2"].weights = second;
  return to_string(test::optimized(std::move(graph), context));
}

TEST(FuseMasks, ProductTakesOverTheImageAndWhatItIsMadeOf) {
  EXPECT_EQ(
      fused(masks(), DType::kF32, DType::kF32),
      "program masks\n"
      "  input  %a: float32 [batch, 4, 6]\n"
      "  input  %x: float32 [batch, 15, 8]\n"
      "  %image: float32 [batch, 3, 5, 8] = reshape(%x)\n"
      "  %y: float32 [batch, 4, 240] = mask_upscaling(%a, %image, @w1, none, @g, @h, @w2, @b2) "
      "{stride=2, epsilon=1e-06, first=gelu, second=relu}\n"
      "  output %y\n");
}

// What the layers read is rounded by the node itself.
TEST(FuseMasks, InTheTypeOfTheWeights) {
  const std::string text = fused(masks(), DType::kBF16, DType::kBF16);
  EXPECT_NE(text.find("weights=bfloat16"), std::string::npos) << text;
  EXPECT_EQ(text.find("cast"), std::string::npos) << text;
  EXPECT_EQ(text.find(": bfloat16"), std::string::npos) << text;
}

TEST(FuseMasks, OtherTypesStridesReadersAndDevicesKeepTheLayers) {
  constexpr DType kF32 = DType::kF32;
  for (const std::string& text :
       {fused(masks(), DType::kBF16, kF32), fused(masks(false, 3), kF32, kF32),
        fused(masks(true), kF32, kF32), fused(masks(), kF32, kF32, backend::DeviceKind::kCuda)}) {
    EXPECT_EQ(text.find("mask_upscaling"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace lasso::passes
