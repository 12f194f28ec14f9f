// A SAM checkpoint as ONNX models that other runtimes take, in the form that PyTorch's exporter
// gives Meta's code.
#ifndef LASSO_MODELS_SAM_EXPORT_EXPORT_H_
#define LASSO_MODELS_SAM_EXPORT_EXPORT_H_

#include <map>
#include <string>
#include <vector>

#include "formats/onnx/onnx_builder.h"
#include "image/preprocess.h"
#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::sam {

// Names of inputs and outputs: those of Meta's exporter (segment-anything, scripts/
// export_onnx_model.py), and the encoder's.
inline constexpr char kOnnxImage[] = "image";
inline constexpr char kOnnxEmbeddings[] = "image_embeddings";

// Scales of what linear layers of the encoder read, by the names of their weights: such a layer
// computes with 8 bits. x is round(x / scale), clamped to [-128, 127].
using ActivationScales = std::map<std::string, float>;

// The image encoder: image float32 [1, 3, S, S], normalised and padded -> image_embeddings float32
// [1, D, g, g].
//
// In `parts` models that feed each other: part i < parts gives hidden_i float32 [1, g, g, C], which
// part i + 1 takes. Each has as many blocks as any other, or one more; the last has the neck.
struct EncoderExport {
  std::int64_t opset = 16;
  int part = 1;
  int parts = 1;  // at most the number of blocks
  ActivationScales scales = {};
};
// What is built reads the checkpoint's weights when it is written.
BuiltOnnx export_encoder(const SamCheckpoint& checkpoint, const EncoderExport& options);

// Prompt encoder and mask decoder, as Meta's SamOnnxModel:
//   image_embeddings float32 [1, D, g, g]
//   point_coords     float32 [prompts, points, 2], pixels of the padded image
//   point_labels     float32 [prompts, points]: -1 padding, 0 background, 1 foreground, 2 and 3 a
//                    box's corners
//   mask_input       float32 [1, 1, 4g, 4g], of all prompts
//   has_mask_input   float32 [1]: 0 or 1
//   orig_im_size     float32 [2], height and width: with `postprocess` alone
//   -> masks            float32 [prompts, masks, height, width]: with `postprocess` alone
//      iou_predictions  float32 [prompts, masks]
//      stability_scores float32 [prompts, masks], areas float32 [prompts, masks], of `masks`: with
//                       `extra_metrics`, which asks for `postprocess`
//      low_res_masks    float32 [prompts, masks, 4g, 4g]
struct DecoderExport {
  std::int64_t opset = 16;
  bool single_mask = false;      // of the four, the one that Meta's code selects
  bool stability_score = false;  // in place of the predicted IoUs
  bool extra_metrics = false;
  bool postprocess = false;
};
BuiltOnnx export_decoder(const SamCheckpoint& checkpoint, const DecoderExport& options);

// README.md beside the files: what they take and give, and how TensorRT and ONNX Runtime run them.
struct ExportedFiles {
  std::vector<std::string> encoders;  // names of the files, in order
  std::string decoder;
  bool quantised = false;
};
std::string export_readme(const SamConfig& config, const Preprocess& preprocess,
                          const ExportedFiles& files, const DecoderExport& decoder);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_EXPORT_EXPORT_H_
