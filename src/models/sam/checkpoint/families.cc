#include "models/sam/checkpoint/families.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

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
    "image encoder";
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
    "a state dictionary of a YOLO, which does not say how its layers are connected; give the "
    "checkpoint that YOLOv7's training saved, or the model's ONNX export";

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

constexpr auto kWrappers = std::to_array<std::string_view>(
    {"module", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"});

// What training code calls a moving average of a model, as a word of a name: "model_ema.", but not
// "schema_net.".
constexpr auto kAverages =
    std::to_array<std::string_view>({"ema", "swa", "teacher", "average", "averaged", "avg"});

int byte(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_any(std::string_view text, const auto& others) {
  return std::find(others.begin(), others.end(), text) != others.end();
}

// The words of a name in lower case: "model_ema", "modelEMA" and "EMAModel0" have the word "ema".
std::vector<std::string> words(std::string_view name) {
  const auto is_upper = [&](std::size_t i) {
    return i < name.size() && std::isupper(byte(name, i));
  };
  const auto is_lower = [&](std::size_t i) {
    return i < name.size() && std::islower(byte(name, i));
  };
  std::vector<std::string> result(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_upper(i) && !is_lower(i)) {
      result.emplace_back();
      continue;
    }
    const bool begins = i > 0 && is_upper(i) && (is_lower(i - 1) || is_lower(i + 1));
    if (begins) result.emplace_back();
    result.back() += static_cast<char>(std::tolower(byte(name, i)));
  }
  return result;
}

bool is_average(std::string_view prefix) {
  const std::vector<std::string> all = words(prefix);
  return std::any_of(all.begin(), all.end(),
                     [](const std::string& word) { return is_any(word, kAverages); });
}

// Whether a parameter may be called so, unlike "image_encoder.neck.0.weight.exp_avg", an
// optimizer's state.
bool is_parameter(std::string_view own) {
  constexpr auto kLast = std::to_array<std::string_view>(
      {"weight", "bias", "pos_embed", "rel_pos_h", "rel_pos_w", "positional_embedding",
       "positional_encoding_gaussian_matrix"});
  return is_any(own.substr(own.rfind('.') + 1), kLast);
}

// The parts of a whole model; a bit each.
unsigned part_of(std::string_view own) {
  if (!is_parameter(own)) return 0;
  if (own.starts_with("image_encoder.") || own.starts_with("vision_encoder.")) return 1;
  if (own.starts_with("prompt_encoder.")) return 2;
  return own.starts_with("mask_decoder.") ? 4 : 0;
}
constexpr unsigned kAllParts = 7;

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

std::string unwrapped(std::string_view name) {
  std::string result;
  while (true) {
    const std::size_t end = name.find('.');
    if (end == name.npos) return result.append(name);
    if (!is_any(name.substr(0, end), kWrappers)) result.append(name.substr(0, end + 1));
    name.remove_prefix(end + 1);
  }
}

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

std::optional<ModelPrefix> model_prefix(const std::vector<std::string>& names) {
  struct Group {
    std::string prefix;
    std::size_t count = 0;
    unsigned parts = 0;
    // The order of preference.
    auto rank() const {
      return std::tuple(parts == kAllParts, !is_average(prefix), count,
                        -static_cast<std::int64_t>(prefix.size()));
    }
  };
  std::map<std::string, Group> groups;
  for (const std::string& name : names) {
    const std::size_t at = own_name(name);
    if (at == name.npos) continue;
    Group& group = groups[name.substr(0, at)];
    group.prefix = name.substr(0, at);
    ++group.count;
    group.parts |= part_of(std::string_view(name).substr(at));
  }
  if (groups.empty()) return std::nullopt;
  std::vector<Group> ordered;
  for (auto& [prefix, group] : groups) ordered.push_back(std::move(group));
  std::sort(ordered.begin(), ordered.end(),
            [](const Group& a, const Group& b) { return a.rank() > b.rank(); });
  const Group& best = ordered.front();
  ModelPrefix result{best.prefix, best.parts == kAllParts};
  if (ordered.size() > 1 && result.complete) {
    const Group& next = ordered[1];
    const bool alike = is_average(next.prefix) == is_average(best.prefix);
    if (next.parts == kAllParts && alike) result.second = next.prefix;
  }
  return result;
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
