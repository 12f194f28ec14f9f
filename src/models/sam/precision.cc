#include "models/sam/precision.h"

#include "core/check.h"

namespace lasso::sam {

DType weights_of(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return DType::kF32;
    case Precision::kBf16:
      return DType::kBF16;
    case Precision::kInt8:
      return DType::kI8;
    case Precision::kAuto:
      break;
  }
  fail(ErrorCode::kInvalidArgument,
       "precision auto is chosen by calibration; expected fp32, bf16 or int8");
}

Precision precision_of(DType weights) {
  if (weights == DType::kI8) return Precision::kInt8;
  return weights == DType::kBF16 ? Precision::kBf16 : Precision::kFp32;
}

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

void lower_attention_and_neck(quant::PrecisionPlan& plan) {
  plan.attention = DType::kBF16;
  for (const char* layer : {"image_encoder.neck.0.weight", "image_encoder.neck.2.weight"}) {
    plan.layers[layer].weights = DType::kBF16;
  }
}

}  // namespace

void lower_the_rest(const SamConfig& config, quant::PrecisionPlan& plan) {
  lower_attention_and_neck(plan);
  for (const std::string& layer : decoder_layers(config)) {
    plan.layers["mask_decoder." + layer + ".weight"].weights = DType::kBF16;
  }
}

quant::PrecisionPlan precision_plan(const SamConfig& config, Precision precision,
                                    const backend::TargetInfo& target, bool reference) {
  const DType weights = weights_of(precision);
  if (weights == DType::kF32) return {};
  const bool has_bf16 = reference || target.features.has(CpuFeature::kAvx512Bf16);
  LASSO_CHECK(weights != DType::kBF16 || has_bf16, ErrorCode::kUnsupported,
              "precision bf16 needs avx512_bf16, and {} is what this CPU has or may use: int8 and "
              "fp32 run on it",
              best_name(target.features));
  quant::PrecisionPlan plan = quant::uniform_plan(lowerable_layers(config), weights);
  // What is not worth its rounding where bfloat16 products are no faster than float32's: beside
  // int8, all of the rest; in bf16, the decoder, whose tokens are float32. The encoder's values in
  // bfloat16 are what the linear layers read, and libraries may have faster instructions for these.
  if (reference || target.bf16_is_faster()) {
    lower_the_rest(config, plan);
  } else if (weights == DType::kBF16) {
    lower_attention_and_neck(plan);
  }
  return plan;
}

}  // namespace lasso::sam
