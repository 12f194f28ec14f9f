// The image encoder: a ViT whose blocks attend within windows, some of them globally (Li et al.,
// ViTDet, 2022), and a neck of two convolutions.
#include <cmath>

#include "models/sam/describe/describe.h"
#include "models/sam/describe/describe_builder.h"

namespace lasso::sam {

using graph::Activation;
using graph::kNoValue;
using graph::ValueId;

namespace {

ValueId block(SamBuilder& b, ValueId x, int index) {
  const SamConfig& config = b.config();
  const std::string name = "blocks." + std::to_string(index);
  const std::string p = "image_encoder." + name;
  const float epsilon = config.encoder_norm_eps;
  const int window = config.is_global(index) ? 0 : config.window_size;

  const ValueId normed = b.norm(name + ".norm1", x, p + ".norm1", epsilon);
  const ValueId qkv = b.linear(name + ".attn.qkv", normed, p + ".attn.qkv");
  std::vector<ValueId> inputs{qkv, kNoValue, kNoValue, kNoValue};
  if (config.rel_pos) {
    inputs[1] = b.parameter(p + ".attn.rel_pos_h");
    inputs[2] = b.parameter(p + ".attn.rel_pos_w");
  }
  // Windows that leave the grid are padded with zeros before the qkv layer: its bias is what they
  // hold behind it.
  if (window > 0 && config.grid() % window != 0) inputs[3] = b.parameter(p + ".attn.qkv.bias");
  const float scale = 1.0F / std::sqrt(static_cast<float>(config.head_dim));
  const ValueId attended =
      b.add(name + ".attn", graph::WindowAttention{config.num_heads, window, scale}, inputs);
  const ValueId projected = b.linear(name + ".attn.proj", attended, p + ".attn.proj");
  x = b.sum(name + ".attn.sum", x, projected);

  const ValueId normed2 = b.norm(name + ".norm2", x, p + ".norm2", epsilon);
  ValueId hidden = b.linear(name + ".mlp.lin1", normed2, p + ".mlp.lin1");
  hidden = b.activation(name + ".mlp.gelu", hidden, Activation::kGelu);
  const ValueId out = b.linear(name + ".mlp.lin2", hidden, p + ".mlp.lin2");
  return b.sum(name, x, out);
}

}  // namespace

graph::Graph describe_image_encoder(const SamCheckpoint& checkpoint) {
  SamBuilder b(kImageEncoder, checkpoint);
  const SamConfig& config = b.config();
  const std::string p = "image_encoder.";
  const graph::Dim batch = graph::Dim::symbol("batch");

  ValueId x = b.input("image", DType::kF32, {batch, config.image_size, config.image_size, 3});
  x = b.add(
      "patch_embed", graph::Conv2d{config.patch_size, config.patch_size, config.patch_size, 0},
      {x, b.parameter(p + "patch_embed.proj.weight"), b.parameter(p + "patch_embed.proj.bias")});
  x = b.sum("pos_embed", x, b.parameter(p + "pos_embed"));
  for (int i = 0; i < config.depth; ++i) x = block(b, x, i);

  x = b.add("neck.0", graph::Linear{},
            {x, b.parameter(p + "neck.0.weight", {config.prompt_dim, config.embed_dim})});
  x = b.norm("neck.1", x, p + "neck.1", config.norm_2d_eps);
  x = b.add("neck.2", graph::Conv2d{3, 3, 1, 1}, {x, b.parameter(p + "neck.2.weight")});
  x = b.norm("neck.3", x, p + "neck.3", config.norm_2d_eps);
  b.output(x, "image_embeddings");
  return b.finish();
}

}  // namespace lasso::sam
