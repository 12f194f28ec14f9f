#include <gtest/gtest.h>

#include "graph/builder.h"
#include "passes/pass_test.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::kNoValue;
using graph::ValueId;
using test::zeros;

const graph::Dim kBatch = graph::Dim::symbol("batch");
const graph::Dim kPoints = graph::Dim::symbol("points");

// The image's side of a two-way block: tokens attend to pixels, then pixels to tokens.
graph::Graph block(const graph::Dim& tokens, bool reads_keys = false,
                   const graph::Dim& images = kBatch) {
  graph::Builder b("block");
  const ValueId t = b.input("t", DType::kF32, {kBatch, tokens, 8});
  const ValueId x = b.input("x", DType::kF32, {images, 64, 16});
  const auto linear = [&](const std::string& name, ValueId input, std::int64_t n, std::int64_t k) {
    return b.add(
        name, graph::Linear{},
        {input, b.constant(name + ".w", zeros({n, k})), b.constant(name + ".b", zeros({n}))});
  };
  const ValueId with = b.add("with", graph::Binary{}, {x, b.constant("p", zeros({64, 16}))});
  const ValueId k = linear("k", with, 8, 16);
  const ValueId to_image =
      b.add("to_image", graph::Attention{2, 0.5F}, {t, k, linear("v", x, 8, 16)});
  const ValueId from =
      b.add("from", graph::Attention{2, 0.5F}, {linear("q", with, 8, 16), to_image, t});
  b.output(b.add("y", graph::Binary{}, {linear("out", from, 16, 8), x}), "y");
  if (reads_keys) b.output(k, "k");
  graph::Graph graph = b.finish();
  graph.typical = {{"batch", 1}, {"points", 2}};
  return graph;
}

std::string fused(graph::Graph graph, backend::DeviceKind device = backend::DeviceKind::kCpu) {
  PassContext context;
  context.target.kind = device;
  return to_string(test::optimized(std::move(graph), context));
}

TEST(FuseTwoWay, AttentionTakesOverThePixelsProjections) {
  EXPECT_EQ(fused(block(kPoints)),
            "program block\n"
            "  input  %t: float32 [batch, points, 8]\n"
            "  input  %x: float32 [batch, 64, 16]\n"
            "  %to_image: float32 [batch, points, 8] = token_to_image(%t, %x, @p, @k.w, @k.b, "
            "@v.w, @v.b) {heads=2, scale=0.5}\n"
            "  %y: float32 [batch, 64, 16] = image_to_token(%x, @p, %to_image, %t, @out.w, @out.b, "
            "%x, @q.w, @q.b) {heads=2, scale=0.5}\n"
            "  output %y\n");
}

// What is made of an image that all prompts share is made once.
TEST(FuseTwoWay, ASharedImageKeepsItsProjections) {
  const std::string text = fused(block(kPoints, false, 1));
  EXPECT_EQ(text.find("token_to_image"), std::string::npos) << text;
  EXPECT_NE(text.find("= image_to_token(%q, none, %to_image, %t, @out.w, @out.b, %x)"),
            std::string::npos)
      << text;
}

TEST(FuseTwoWay, OtherReadersManyTokensAndGpusKeepTheLayers) {
  for (const std::string& text :
       {fused(block(kPoints), backend::DeviceKind::kCuda), fused(block(60))}) {
    EXPECT_EQ(text.find("token_to_image"), std::string::npos) << text;
    EXPECT_EQ(text.find("image_to_token"), std::string::npos) << text;
  }
  EXPECT_EQ(fused(block(kPoints, true)).find("token_to_image"), std::string::npos);
}

}  // namespace
}  // namespace lasso::passes
