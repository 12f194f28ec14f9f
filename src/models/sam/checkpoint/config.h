// What a SAM model's shapes say about its architecture.
#ifndef LASSO_MODELS_SAM_CHECKPOINT_CONFIG_H_
#define LASSO_MODELS_SAM_CHECKPOINT_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"

namespace lasso::sam {

// Sizes of the image encoder (a ViT with windowed and global attention), the prompt encoder and the
// mask decoder. The defaults are the values that every published checkpoint has.
struct SamConfig {
  int image_size = 1024;  // side of the square that the encoder sees, pixels
  int patch_size = 16;
  int embed_dim = 0;  // width of the image encoder
  int depth = 0;      // its blocks
  int num_heads = 0;
  int head_dim = 0;                // embed_dim / num_heads
  int mlp_dim = 0;                 // hidden width of its blocks' MLPs
  int window_size = 14;            // side of the windows, tokens; 0 if every block is global
  std::vector<int> global_blocks;  // indices of the blocks with global attention, ascending
  bool rel_pos = true;             // the blocks have tables of relative positions
  int prompt_dim = 256;  // channels of the embedding and width of the decoder ("out_chans")

  int mask_in_chans = 16;  // of the prompt encoder's mask branch

  int decoder_depth = 2;  // two-way blocks
  int decoder_heads = 8;
  int decoder_mlp_dim = 2048;
  int attention_downsample = 2;  // cross-attention is prompt_dim / attention_downsample wide
  int num_multimask_outputs = 3;
  int iou_head_depth = 3;
  int iou_head_hidden = 256;

  // Epsilons: image encoder's blocks; 2-D norms (neck, mask branch, upscaling); two-way blocks; the
  // decoder's last norm. Hugging Face's two-way blocks use 1e-6 where Meta's use 1e-5.
  float encoder_norm_eps = 1e-6F;
  float norm_2d_eps = 1e-6F;
  float decoder_norm_eps = 1e-5F;
  float decoder_final_norm_eps = 1e-5F;

  int grid() const { return image_size / patch_size; }  // side, tokens
  int num_mask_tokens() const { return num_multimask_outputs + 1; }
  int decoder_attention_dim() const { return prompt_dim / attention_downsample; }
  bool is_global(int block) const;

  bool operator==(const SamConfig&) const = default;
};

SamConfig vit_b();
SamConfig vit_l();
SamConfig vit_h();

// "SAM ViT-B", "SAM ViT-L", "SAM ViT-H", or "SAM (width 64, depth 4)" for other image encoders.
std::string model_name(const SamConfig& config);

// A JSON object whose keys are SamConfig's fields.
std::string to_json(const SamConfig& config);

// Fields that somebody states: they win over what shapes say where shapes leave a choice, and must
// agree with them where they don't.
struct SamConfigOverride {
  std::map<std::string, int> integers;
  std::map<std::string, float> floats;
  std::optional<std::vector<int>> global_blocks;
  std::optional<bool> rel_pos;

  bool empty() const;
  std::optional<int> integer(const std::string& field) const;
};

// Reads a JSON file whose keys are SamConfig's fields, or Hugging Face's config.json of a SamModel.
// Throws kNotFound; kCorruptFile for text that is no JSON; kInvalidArgument for an unknown key or a
// wrong type, with the keys that are known.
SamConfigOverride read_config_override(const std::string& path);
// The path of the folder's config.json if that has a "vision_config", as a SamModel's does; else
// empty.
std::string folder_config(const std::string& folder);
SamConfigOverride parse_config_override(const std::string& json, const std::string& name);

// Infers the configuration from canonical (Meta's) names and shapes. Throws kCorruptFile where
// tensors contradict one another or miss, and kUnsupported where shapes leave a choice that
// `stated` does not make, saying which fields of --config are needed.
SamConfig infer_config(const Weights& weights, const SamConfigOverride& stated = {});

// Throws kCorruptFile, with `source` in the message, unless sizes are positive, divide where they
// must, and stay within sane limits.
void check_config(const SamConfig& config, const std::string& source);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CHECKPOINT_CONFIG_H_
