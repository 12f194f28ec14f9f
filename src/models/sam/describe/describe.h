// SAM as programs of the graph (Kirillov et al., "Segment Anything", 2023).
#ifndef LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_H_
#define LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_H_

#include "graph/graph.h"
#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::sam {

// Names of the programs.
inline constexpr char kImageEncoder[] = "image_encoder";
inline constexpr char kImageTokens[] = "image_tokens";
inline constexpr char kMaskDecoder[] = "mask_decoder";
inline constexpr char kMaskDecoderWithMask[] = "mask_decoder_with_mask_input";

// image_encoder: image float32 [batch, S, S, 3], normalised and padded
//   -> image_embeddings float32 [batch, g, g, D]
// image_tokens, which is split off the mask decoder when the module is compiled:
//   image_embeddings float32 [1, g, g, D]
//   -> what the mask decoder computes from the image alone: its tokens, and their keys, values and
//   queries in the first layer
// mask_decoder (prompt encoder and mask decoder):
//   the results of image_tokens
//   point_coords     float32 [prompts, points, 2], (x + 0.5) / S and (y + 0.5) / S of the padded
//   image point_labels     int32   [prompts, points]: -1 padding, 0 background, 1 foreground, 2 and
//   3 a box's corners
//   -> low_res_logits  float32 [prompts, masks, 4g, 4g], iou_predictions float32 [prompts, masks]
// mask_decoder_with_mask_input: the same, with image_embeddings float32 [1, g, g, D] instead of
// image_tokens' results, and mask_input float32 [prompts, 4g, 4g, 1].
graph::Module describe(const SamCheckpoint& checkpoint);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_H_
