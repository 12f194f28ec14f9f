#include "models/sam/checkpoint/families.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace lasso::sam {

namespace {

struct Family {
  std::string_view part;  // of a name that only this family has
  std::string_view message;
};

constexpr std::string_view kHqSam =
    "an HQ-SAM checkpoint, whose decoder has more than SAM's; give the SAM checkpoint that it "
    "extends";
constexpr std::string_view kSam2 =
    "a SAM 2 checkpoint, another architecture; give a SAM (first version) checkpoint";
constexpr std::string_view kMobileSam =
    "a MobileSAM checkpoint, whose image encoder is a TinyViT; give a SAM checkpoint with a ViT "
    "image encoder";
constexpr std::string_view kEdgeSam =
    "an EdgeSAM checkpoint, whose image encoder is a RepViT; give a SAM checkpoint with a ViT "
    "image "
    "encoder";
constexpr std::string_view kEfficientSam =
    "an EfficientSAM or EfficientViT-SAM checkpoint; give a SAM checkpoint with a ViT image "
    "encoder";
constexpr std::string_view kLora =
    "a LoRA adapter or a model with unmerged LoRA layers; merge it into SAM first "
    "(merge_and_unload() of peft, or W + B A) and save the merged state_dict()";
constexpr std::string_view kAdapter =
    "a SAM with adapter layers (SAM-Med2D, Medical SAM Adapter), which Lasso does not run; give a "
    "SAM checkpoint without adapters";
constexpr std::string_view kYolo =
    "a YOLO checkpoint; a SAM checkpoint is needed here, and a YOLO model must be exported to ONNX "
    "first";

// In this order: an adapter for HQ-SAM is refused as an adapter.
constexpr auto kFamilies = std::to_array<Family>({
    {"lora_A", kLora},
    {"lora_B", kLora},
    {".lora_", kLora},
    {".linear_a_q.", kLora},
    {".linear_b_q.", kLora},
    {"w_a_000", kLora},
    {"Adapter.", kAdapter},
    {".adapter.", kAdapter},
    {"mask_decoder.hf_token.", kHqSam},
    {"mask_decoder.hf_mlp.", kHqSam},
    {"mask_decoder.hq_token.", kHqSam},
    {"mask_decoder.compress_vit_", kHqSam},
    {"image_encoder.trunk.", kSam2},
    {"vision_encoder.backbone.", kSam2},
    {"sam_mask_decoder.", kSam2},
    {"memory_attention.", kSam2},
    {"memory_encoder.", kSam2},
    {"image_encoder.patch_embed.seq.", kMobileSam},
    {"image_encoder.layers.0.blocks.", kMobileSam},
    {"image_encoder.features.", kEdgeSam},
    {"image_encoder.stages.", kEdgeSam},
    {"image_encoder.fuse_stage", kEdgeSam},
    {"image_encoder.backbone.", kEfficientSam},
    {"mask_decoder.final_output_upscaling_layers.", kEfficientSam},
});

constexpr auto kAnchors =
    std::to_array<std::string_view>({"image_encoder.", "vision_encoder.", "prompt_encoder.",
                                     "mask_decoder.", "shared_image_embedding."});

// Where SAM's own name begins; npos if nowhere.
std::size_t own_name(std::string_view name) {
  std::size_t first = name.npos;
  for (const std::string_view anchor : kAnchors) {
    for (std::size_t at = name.find(anchor); at != name.npos; at = name.find(anchor, at + 1)) {
      if (at == 0 || name[at - 1] == '.') {
        first = std::min(first, at);
        break;
      }
    }
  }
  return first;
}

bool is_average(const std::string& prefix) {
  return prefix.find("ema") != prefix.npos || prefix.find("teacher") != prefix.npos ||
         prefix.find("averaged") != prefix.npos;
}

// Layers of a detector are numbered: model.0.conv.weight, model.24.m.0.weight.
bool is_yolo_name(std::string_view name) {
  constexpr std::string_view kPart = "model.";
  for (std::size_t at = name.find(kPart); at != name.npos; at = name.find(kPart, at + 1)) {
    const std::size_t digits = at + kPart.size();
    const std::size_t end = name.find_first_not_of("0123456789", digits);
    if ((at == 0 || name[at - 1] == '.') && end != name.npos && end > digits && name[end] == '.') {
      return true;
    }
  }
  return false;
}

// Replaces `from` at the start of the name's rest.
bool replace_start(std::string* name, std::string_view from, std::string_view to) {
  if (!name->starts_with(from)) return false;
  name->replace(0, from.size(), to);
  return true;
}

void replace_part(std::string* name, std::string_view from, std::string_view to) {
  const std::size_t at = name->find(from);
  if (at != name->npos) name->replace(at, from.size(), to);
}

// The number behind `prefix`, or -1.
int number_after(std::string_view name, std::string_view prefix) {
  const std::size_t at = name.find(prefix);
  if (at == name.npos) return -1;
  int number = -1;
  std::from_chars(name.data() + at + prefix.size(), name.data() + name.size(), number);
  return number >= 0 && number < 1000 ? number : -1;
}

// proj_in, layers.0, ..., proj_out are layers.0, layers.1, ..., layers.(depth - 1).
void rename_mlp(std::string* name, int depth) {
  if (const int layer = number_after(*name, ".layers."); layer >= 0) {
    replace_part(name, ".layers." + std::to_string(layer) + ".",
                 ".layers." + std::to_string(layer + 1) + ".");
    return;
  }
  replace_part(name, ".proj_in.", ".layers.0.");
  replace_part(name, ".proj_out.", ".layers." + std::to_string(depth - 1) + ".");
}

}  // namespace

std::optional<std::string> other_family(const std::vector<std::string>& names) {
  for (const Family& family : kFamilies) {
    const bool found = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.find(family.part) != name.npos;
    });
    if (found) return std::string(family.message);
  }
  if (!model_prefix(names) && std::any_of(names.begin(), names.end(), is_yolo_name)) {
    return std::string(kYolo);
  }
  return std::nullopt;
}

std::optional<std::string> model_prefix(const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& name : names) {
    const std::size_t at = own_name(name);
    if (at != name.npos) ++counts[name.substr(0, at)];
  }
  const auto better = [](const auto& a, const auto& b) {  // a stands behind b
    const bool average_a = is_average(a.first);
    const bool average_b = is_average(b.first);
    if (average_a != average_b) return average_a;
    if (a.second != b.second) return a.second < b.second;
    return a.first.size() > b.first.size();
  };
  const auto best = std::max_element(counts.begin(), counts.end(), better);
  if (best == counts.end()) return std::nullopt;
  return best->first;
}

bool is_hugging_face(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("vision_encoder.") || name.starts_with("shared_image_embedding.");
  });
}

MlpDepths hugging_face_mlp_depths(const std::vector<std::string>& names) {
  MlpDepths depths{2, 2};
  for (const std::string& name : names) {
    const int layer = number_after(name, ".layers.");
    if (name.starts_with("mask_decoder.iou_prediction_head.")) {
      depths.iou_head = std::max(depths.iou_head, layer + 3);
    } else if (name.starts_with("mask_decoder.output_hypernetworks_mlps.")) {
      depths.hypernetworks = std::max(depths.hypernetworks, layer + 3);
    }
  }
  return depths;
}

std::string meta_name(const std::string& name, const MlpDepths& depths) {
  constexpr std::string_view kGaussian =
      "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
  if (name == "shared_image_embedding.positional_embedding" ||
      name == "prompt_encoder.shared_embedding.positional_embedding") {
    return std::string(kGaussian);
  }
  struct Start {
    std::string_view from;
    std::string_view to;
  };
  // The first that fits; longer ones stand before shorter ones.
  constexpr auto kStarts = std::to_array<Start>({
      {"vision_encoder.patch_embed.projection.", "image_encoder.patch_embed.proj."},
      {"vision_encoder.neck.conv1.", "image_encoder.neck.0."},
      {"vision_encoder.neck.layer_norm1.", "image_encoder.neck.1."},
      {"vision_encoder.neck.conv2.", "image_encoder.neck.2."},
      {"vision_encoder.neck.layer_norm2.", "image_encoder.neck.3."},
      {"vision_encoder.layers.", "image_encoder.blocks."},
      {"vision_encoder.", "image_encoder."},
      {"prompt_encoder.point_embed.", "prompt_encoder.point_embeddings."},
      {"prompt_encoder.mask_embed.conv1.", "prompt_encoder.mask_downscaling.0."},
      {"prompt_encoder.mask_embed.layer_norm1.", "prompt_encoder.mask_downscaling.1."},
      {"prompt_encoder.mask_embed.conv2.", "prompt_encoder.mask_downscaling.3."},
      {"prompt_encoder.mask_embed.layer_norm2.", "prompt_encoder.mask_downscaling.4."},
      {"prompt_encoder.mask_embed.conv3.", "prompt_encoder.mask_downscaling.6."},
      {"mask_decoder.upscale_conv1.", "mask_decoder.output_upscaling.0."},
      {"mask_decoder.upscale_layer_norm.", "mask_decoder.output_upscaling.1."},
      {"mask_decoder.upscale_conv2.", "mask_decoder.output_upscaling.3."},
      {"mask_decoder.transformer.layer_norm_final_attn.",
       "mask_decoder.transformer.norm_final_attn."},
  });
  std::string result = name;
  if (name.starts_with("mask_decoder.iou_prediction_head.")) {
    rename_mlp(&result, depths.iou_head);
    return result;
  }
  if (name.starts_with("mask_decoder.output_hypernetworks_mlps.")) {
    rename_mlp(&result, depths.hypernetworks);
    return result;
  }
  for (const Start& start : kStarts) {
    if (replace_start(&result, start.from, start.to)) break;
  }
  replace_part(&result, ".layer_norm", ".norm");
  return result;
}

}  // namespace lasso::sam
