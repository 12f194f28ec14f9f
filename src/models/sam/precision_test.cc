#include "models/sam/precision.h"

#include <gtest/gtest.h>

#include "support/errors.h"

namespace lasso::sam {
namespace {

using backend::TargetInfo;

constexpr auto kUnsupported = ErrorCode::kUnsupported;

TargetInfo cpu(CpuFeatures features) {
  TargetInfo target;
  target.features = features;
  return target;
}

TargetInfo gpu(int sm) {
  TargetInfo target;
  target.kind = backend::DeviceKind::kCuda;
  target.sm = sm;
  return target;
}

DType type_of(const quant::PrecisionPlan& plan, const std::string& layer) {
  const auto found = plan.layers.find(layer + ".weight");
  return found == plan.layers.end() ? DType::kF32 : found->second.weights;
}

TEST(PrecisionPlan, IsRefusedByNameWhereTheTargetLacksIt) {
  const SamConfig config;
  EXPECT_ERROR(precision_plan(config, Precision::kFp16, cpu(CpuFeature::kAvx2), false),
               kUnsupported, "precision fp16 runs on GPUs; on this CPU use int8");
  EXPECT_ERROR(precision_plan(config, Precision::kFp16, cpu(CpuFeature::kAvx512Bf16), false),
               kUnsupported, "precision fp16 runs on GPUs; on this CPU use bf16 or int8");
  EXPECT_ERROR(precision_plan(config, Precision::kBf16, cpu(CpuFeature::kAvx2), false),
               kUnsupported, "precision bf16 needs avx512_bf16");
  EXPECT_ERROR(precision_plan(config, Precision::kInt8, gpu(90), false), kUnsupported,
               "precision int8 does not run on GPUs yet; use fp16 or bf16");
  EXPECT_ERROR(precision_plan(config, Precision::kBf16, gpu(75), false), kUnsupported,
               "precision bf16 needs sm_80, and sm_75 is what this GPU has");
  EXPECT_TRUE(precision_plan(config, Precision::kFp32, gpu(75), false).layers.empty());
}

TEST(PrecisionPlan, OnAGpuTheDecodersAttentionToTheImageIsLowered) {
  SamConfig config;
  config.depth = 2;
  config.decoder_depth = 2;
  for (const auto& [precision, half] :
       {std::pair{Precision::kFp16, DType::kF16}, std::pair{Precision::kBf16, DType::kBF16}}) {
    const quant::PrecisionPlan plan = precision_plan(config, precision, gpu(90), false);
    EXPECT_EQ(plan.window_attention, half);
    EXPECT_EQ(plan.attention, half);
    const std::string decoder = "mask_decoder.transformer.layers.1.";
    for (const std::string& layer :
         {std::string("image_encoder.blocks.1.mlp.lin2"), std::string("image_encoder.neck.2"),
          std::string("mask_decoder.output_upscaling.3"),
          decoder + "cross_attn_token_to_image.q_proj",
          decoder + "cross_attn_token_to_image.k_proj",
          decoder + "cross_attn_image_to_token.v_proj"}) {
      EXPECT_EQ(type_of(plan, layer), half) << layer;
    }
    EXPECT_EQ(type_of(plan, decoder + "self_attn.q_proj"), DType::kF32);
    EXPECT_EQ(type_of(plan, "image_encoder.patch_embed.proj"), DType::kF16);
  }
  const quant::PrecisionPlan on_cpu =
      precision_plan(config, Precision::kBf16, cpu(CpuFeature::kAvx512Bf16), false);
  EXPECT_EQ(on_cpu.attention, DType::kF32);
  EXPECT_EQ(type_of(on_cpu, "image_encoder.patch_embed.proj"), DType::kF32);
}

TEST(Candidates, AreTheTargets) {
  EXPECT_EQ(candidates(cpu(CpuFeature::kAvx2), false).layers, (std::vector<DType>{DType::kI8}));
  EXPECT_EQ(candidates(cpu(CpuFeature::kAvx2), true).layers,
            (std::vector<DType>{DType::kI8, DType::kBF16}));
  EXPECT_EQ(candidates(gpu(75), false).layers, (std::vector<DType>{DType::kF16}));
  EXPECT_EQ(candidates(gpu(90), false).layers, (std::vector<DType>{DType::kF16, DType::kBF16}));
  EXPECT_EQ(candidates(gpu(90), false).rest_beside(DType::kBF16), DType::kBF16);
}

}  // namespace
}  // namespace lasso::sam
