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

graph::Graph masks(bool read_elsewhere = false) {
  graph::Builder b("masks");
  const ValueId a = b.input("a", DType::kF32, {kBatch, 4, 6});
  const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5, 8});
  ValueId image = b.add("image", graph::ConvTranspose2d{2},
                        {x, b.constant("w", zeros({8, 6, 2, 2})), b.constant("b", zeros({6}))});
  image = b.add("gelu", graph::Unary{Activation::kGelu}, {image});
  const ValueId pixels = b.add("pixels", graph::Reshape{{kBatch, 60, 6}}, {image});
  b.output(b.add("y", graph::MatMul{}, {a, pixels}), "y");
  if (read_elsewhere) b.output(pixels, "pixels");
  return b.finish();
}

std::string fused(graph::Graph graph, DType weights, backend::DeviceKind device) {
  PassContext context;
  context.target.kind = device;
  context.precision.layers["w"].weights = weights;
  return to_string(test::optimized(std::move(graph), context));
}

TEST(FuseUpscaling, ProductTakesOverTheImage) {
  EXPECT_EQ(fused(masks(), DType::kBF16, backend::DeviceKind::kCuda),
            "program masks\n"
            "  input  %a: float32 [batch, 4, 6]\n"
            "  input  %x: float32 [batch, 3, 5, 8]\n"
            "  %x.bfloat16: bfloat16 [batch, 3, 5, 8] = cast(%x)\n"
            "  %y: float32 [batch, 4, 60] = upscaled_product(%a, %x.bfloat16, @w, @b) {stride=2, "
            "activation=gelu, weights=bfloat16}\n"
            "  output %y\n");
}

TEST(FuseUpscaling, OtherTypesDevicesAndReadersKeepTheImage) {
  using backend::DeviceKind;
  for (const std::string& text : {fused(masks(), DType::kF32, DeviceKind::kCuda),
                                  fused(masks(), DType::kBF16, DeviceKind::kCpu),
                                  fused(masks(true), DType::kBF16, DeviceKind::kCuda)}) {
    EXPECT_EQ(text.find("upscaled_product"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace lasso::passes
