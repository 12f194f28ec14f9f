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

void lower_the_rest(passes::PrecisionPlan& plan) {
  plan.attention = DType::kBF16;
  for (const char* layer : {"image_encoder.neck.0", "image_encoder.neck.2"}) {
    plan.layers[fmt::format("{}.weight", layer)].weights = DType::kBF16;
  }
}

passes::PrecisionPlan precision_plan(const SamConfig& config, Precision precision, Isa isa,
                                     bool reference) {
  passes::PrecisionPlan plan;
  if (precision == Precision::kFp32) return plan;
  LASSO_CHECK(precision != Precision::kAuto, ErrorCode::kInvalidArgument,
              "precision auto is chosen by calibration; expected fp32, bf16 or int8");
  const bool has_bf16 = reference || isa >= Isa::kAvx512Bf16;
  LASSO_CHECK(precision != Precision::kBf16 || has_bf16, ErrorCode::kUnsupported,
              "precision bf16 needs avx512_bf16, and {} is what this CPU has or may use: int8 and "
              "fp32 run on it",
              to_string(isa));
  passes::LayerPrecision layer;
  layer.weights = precision == Precision::kBf16 ? DType::kBF16 : DType::kI8;
  for (const std::string& name : lowerable_layers(config)) plan.layers[name] = layer;
  if (has_bf16) lower_the_rest(plan);
  return plan;
}

}  // namespace lasso::sam
