#include "models/sam/precision.h"

#include "core/check.h"

namespace lasso::sam {

std::vector<std::string> lowerable_layers(const SamConfig& config) {
  std::vector<std::string> names;
  for (int i = 0; i < config.depth; ++i) {
    for (const char* layer : {"attn.qkv", "attn.proj", "mlp.lin1", "mlp.lin2"}) {
      names.push_back(fmt::format("image_encoder.blocks.{}.{}.weight", i, layer));
    }
  }
  return names;
}

namespace {

// The decoder's layers whose work grows with the image: what reads or makes image tokens in the
// two-way transformer, and the upscaling; and the MLPs of the tokens, whose weights are much.
std::vector<std::string> decoder_layers(const SamConfig& config) {
  std::vector<std::string> names{"output_upscaling.0", "output_upscaling.3",
                                 "transformer.final_attn_token_to_image.k_proj",
                                 "transformer.final_attn_token_to_image.v_proj"};
  for (int i = 0; i < config.decoder_depth; ++i) {
    for (const char* layer :
         {"cross_attn_token_to_image.k_proj", "cross_attn_token_to_image.v_proj",
          "cross_attn_image_to_token.q_proj", "cross_attn_image_to_token.out_proj", "mlp.lin1",
          "mlp.lin2"}) {
      names.push_back(fmt::format("transformer.layers.{}.{}", i, layer));
    }
  }
  return names;
}

// The layers of few rows around the decoder's attention between tokens and image, so that all that
// it reads and makes is of one type.
std::vector<std::string> decoder_attention_layers(const SamConfig& config) {
  std::vector<std::string> names{"transformer.final_attn_token_to_image.q_proj",
                                 "transformer.final_attn_token_to_image.out_proj"};
  for (int i = 0; i < config.decoder_depth; ++i) {
    for (const char* layer :
         {"cross_attn_token_to_image.q_proj", "cross_attn_token_to_image.out_proj",
          "cross_attn_image_to_token.k_proj", "cross_attn_image_to_token.v_proj"}) {
      names.push_back(fmt::format("transformer.layers.{}.{}", i, layer));
    }
  }
  return names;
}

constexpr char kPatchEmbedding[] = "image_encoder.patch_embed.proj.weight";

void lower_attention_and_neck(DType half, quant::PrecisionPlan& plan) {
  plan.window_attention = half;
  for (const char* layer : {"image_encoder.neck.0.weight", "image_encoder.neck.2.weight"}) {
    plan.layers[layer].weights = half;
  }
}

}  // namespace

void lower_the_rest(const SamConfig& config, const backend::TargetInfo& target, DType half,
                    quant::PrecisionPlan& plan) {
  lower_attention_and_neck(half, plan);
  std::vector<std::string> layers = decoder_layers(config);
  if (is_gpu(target) || half == DType::kF16) {
    plan.attention = half;
    const std::vector<std::string> more = decoder_attention_layers(config);
    layers.insert(layers.end(), more.begin(), more.end());
  }
  // Products in float32 take as long as a block of the encoder there. Pixels have 8 bits: in the 11
  // of float16 they are all but exact, in the 8 of bfloat16 they are not.
  if (is_gpu(target)) plan.layers[kPatchEmbedding].weights = DType::kF16;
  for (const std::string& layer : layers) {
    plan.layers["mask_decoder." + layer + ".weight"].weights = half;
  }
}

quant::PrecisionPlan precision_plan(const SamConfig& config, Precision precision,
                                    const backend::TargetInfo& target, bool reference) {
  const DType weights = weights_of(precision);
  if (weights == DType::kF32) return {};
  if (!reference) check_precision(precision, target);
  quant::PrecisionPlan plan = quant::uniform_plan(lowerable_layers(config), weights);
  const DType half = is_half(weights) ? weights : DType::kBF16;
  // What is not worth its rounding where bfloat16 products are no faster than float32's: beside
  // int8, all of the rest; in bf16, the decoder, whose tokens are float32. The encoder's values in
  // bfloat16 are what the linear layers read, and libraries may have faster instructions for these.
  if (reference || target.half_is_faster()) {
    lower_the_rest(config, target, half, plan);
  } else if (weights == DType::kBF16) {
    lower_attention_and_neck(half, plan);
  }
  return plan;
}

}  // namespace lasso::sam
