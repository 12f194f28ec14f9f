// SAM models so small that a test can build and run them a thousand times.
#ifndef LASSO_TESTS_SUPPORT_SMALL_SAM_H_
#define LASSO_TESTS_SUPPORT_SMALL_SAM_H_

#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::test {

// Windows that leave the grid, a global block, and every part of the decoder.
inline sam::SamConfig small_sam() {
  sam::SamConfig config;
  config.image_size = 32;
  config.patch_size = 8;
  config.embed_dim = 32;
  config.num_heads = 2;
  config.head_dim = 16;
  config.mlp_dim = 64;
  config.depth = 2;
  config.window_size = 3;
  config.global_blocks = std::vector<int>{1};
  config.prompt_dim = 32;
  config.mask_in_chans = 4;
  config.decoder_depth = 1;
  config.decoder_heads = 2;
  config.decoder_mlp_dim = 32;
  config.num_multimask_outputs = 2;
  config.iou_head_depth = 2;
  config.iou_head_hidden = 16;
  return config;
}

// The smallest model that has every tensor.
inline sam::SamConfig tiny_sam() {
  sam::SamConfig config;
  config.image_size = 2;
  config.patch_size = 1;
  config.embed_dim = config.num_heads = config.head_dim = config.mlp_dim = 1;
  config.depth = 2;
  config.window_size = 1;
  config.global_blocks = std::vector<int>{1};
  config.prompt_dim = 16;
  config.mask_in_chans = 4;
  config.decoder_depth = 1;
  config.decoder_mlp_dim = 1;
  config.num_multimask_outputs = 1;
  config.iou_head_depth = 2;
  config.iou_head_hidden = 1;
  return config;
}

inline sam::SamCheckpoint random_checkpoint(const sam::SamConfig& config) {
  return {config, sam::random_weights(config, 1)};
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_SMALL_SAM_H_
