// The fields of SamConfig by name.
#ifndef LASSO_MODELS_SAM_CHECKPOINT_CONFIG_FIELDS_H_
#define LASSO_MODELS_SAM_CHECKPOINT_CONFIG_FIELDS_H_

#include <array>
#include <string_view>

#include "models/sam/checkpoint/config.h"

namespace lasso::sam {

struct IntegerField {
  std::string_view name;
  int SamConfig::*member;
};
inline constexpr auto kIntegerFields = std::to_array<IntegerField>({
    {"image_size", &SamConfig::image_size},
    {"patch_size", &SamConfig::patch_size},
    {"embed_dim", &SamConfig::embed_dim},
    {"depth", &SamConfig::depth},
    {"num_heads", &SamConfig::num_heads},
    {"head_dim", &SamConfig::head_dim},
    {"mlp_dim", &SamConfig::mlp_dim},
    {"window_size", &SamConfig::window_size},
    {"prompt_dim", &SamConfig::prompt_dim},
    {"mask_in_chans", &SamConfig::mask_in_chans},
    {"decoder_depth", &SamConfig::decoder_depth},
    {"decoder_heads", &SamConfig::decoder_heads},
    {"decoder_mlp_dim", &SamConfig::decoder_mlp_dim},
    {"attention_downsample", &SamConfig::attention_downsample},
    {"num_multimask_outputs", &SamConfig::num_multimask_outputs},
    {"iou_head_depth", &SamConfig::iou_head_depth},
    {"iou_head_hidden", &SamConfig::iou_head_hidden},
});

struct FloatField {
  std::string_view name;
  float SamConfig::*member;
};
inline constexpr auto kFloatFields = std::to_array<FloatField>({
    {"encoder_norm_eps", &SamConfig::encoder_norm_eps},
    {"norm_2d_eps", &SamConfig::norm_2d_eps},
    {"decoder_norm_eps", &SamConfig::decoder_norm_eps},
    {"decoder_final_norm_eps", &SamConfig::decoder_final_norm_eps},
});

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CHECKPOINT_CONFIG_FIELDS_H_
