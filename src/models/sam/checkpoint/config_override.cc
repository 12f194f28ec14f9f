// Configuration files: SamConfig's own fields, or Hugging Face's config.json.
#include <algorithm>
#include <array>
#include <filesystem>

#include "core/check.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "formats/text.h"
#include "models/sam/checkpoint/config.h"
#include "models/sam/checkpoint/config_fields.h"

namespace lasso::sam {

namespace {

constexpr std::size_t kMaxConfigBytes = kMiB;
constexpr int kMaxJsonDepth = 32;

// Where Hugging Face's SamConfig keeps a field. Widths of the prompt encoder and the decoder are
// the same.
struct HuggingFaceField {
  const char* section;
  const char* key;
  const char* field;
};
constexpr auto kHuggingFaceFields = std::to_array<HuggingFaceField>({
    {"vision_config", "image_size", "image_size"},
    {"vision_config", "patch_size", "patch_size"},
    {"vision_config", "hidden_size", "embed_dim"},
    {"vision_config", "num_hidden_layers", "depth"},
    {"vision_config", "num_attention_heads", "num_heads"},
    {"vision_config", "mlp_dim", "mlp_dim"},
    {"vision_config", "window_size", "window_size"},
    {"vision_config", "output_channels", "prompt_dim"},
    {"prompt_encoder_config", "mask_input_channels", "mask_in_chans"},
    {"mask_decoder_config", "num_hidden_layers", "decoder_depth"},
    {"mask_decoder_config", "num_attention_heads", "decoder_heads"},
    {"mask_decoder_config", "mlp_dim", "decoder_mlp_dim"},
    {"mask_decoder_config", "attention_downsample_rate", "attention_downsample"},
    {"mask_decoder_config", "num_multimask_outputs", "num_multimask_outputs"},
    {"mask_decoder_config", "iou_head_depth", "iou_head_depth"},
    {"mask_decoder_config", "iou_head_hidden_dim", "iou_head_hidden"},
});

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  SamConfigOverride read(const std::string& text) const {
    // Deep nesting is cut off while parsing; nothing of it is kept.
    const auto limit = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxJsonDepth; };
    Json json;
    try {
      json = Json::parse(text, limit);
    } catch (const Json::parse_error& error) {
      fail(ErrorCode::kCorruptFile, "{}: not JSON: byte {} is not expected", name_, error.byte);
    } catch (const Json::exception&) {
      fail(ErrorCode::kCorruptFile, "{}: not JSON that can be read: a number is too large", name_);
    }
    LASSO_CHECK(json.is_object(), ErrorCode::kInvalidArgument,
                "{}: a JSON object with fields of the configuration is expected", name_);
    return json.contains("vision_config") ? read_hugging_face(json) : read_own(json);
  }

 private:
  int integer(const Json& value, const std::string& key) const {
    LASSO_CHECK(value.is_number_integer() && value >= 0 && value <= 1'000'000,
                ErrorCode::kInvalidArgument, "{}: {} is {}, and an integer is expected", name_, key,
                printable(value.dump()));
    return value.get<int>();
  }
  float number(const Json& value, const std::string& key) const {
    LASSO_CHECK(value.is_number(), ErrorCode::kInvalidArgument,
                "{}: {} is {}, and a number is expected", name_, key, printable(value.dump()));
    return value.get<float>();
  }
  bool boolean(const Json& value, const std::string& key) const {
    LASSO_CHECK(value.is_boolean(), ErrorCode::kInvalidArgument,
                "{}: {} is {}, and true or false is expected", name_, key, printable(value.dump()));
    return value.get<bool>();
  }
  std::vector<int> integers(const Json& value, const std::string& key) const {
    LASSO_CHECK(value.is_array() && value.size() <= 4096, ErrorCode::kInvalidArgument,
                "{}: {} is {}, and a list of integers is expected", name_, key,
                printable(value.dump()));
    std::vector<int> result;
    for (const Json& item : value) result.push_back(integer(item, key));
    std::sort(result.begin(), result.end());
    return result;
  }

  SamConfigOverride read_own(const Json& json) const {
    SamConfigOverride result;
    for (const auto& [key, value] : json.items()) {
      const auto named = [&key = key](const auto& field) { return field.name == key; };
      if (std::any_of(kIntegerFields.begin(), kIntegerFields.end(), named)) {
        result.integers[key] = integer(value, key);
      } else if (std::any_of(kFloatFields.begin(), kFloatFields.end(), named)) {
        result.floats[key] = number(value, key);
      } else if (key == "global_blocks") {
        result.global_blocks = integers(value, key);
      } else if (key == "rel_pos") {
        result.rel_pos = boolean(value, key);
      } else {
        std::string known = "global_blocks, rel_pos";
        for (const IntegerField& field : kIntegerFields) known += fmt::format(", {}", field.name);
        for (const FloatField& field : kFloatFields) known += fmt::format(", {}", field.name);
        fail(ErrorCode::kInvalidArgument, "{}: unknown key {}; known are {}", name_, printable(key),
             known);
      }
    }
    return result;
  }

  SamConfigOverride read_hugging_face(const Json& json) const {
    LASSO_CHECK(!json.contains("model_type") || json["model_type"] == "sam",
                ErrorCode::kUnsupported, "{}: a configuration of model type {}, not sam", name_,
                printable(json["model_type"].dump()));
    SamConfigOverride result;
    for (const HuggingFaceField& field : kHuggingFaceFields) {
      if (!json.contains(field.section) || !json[field.section].is_object()) continue;
      const Json& section = json[field.section];
      if (!section.contains(field.key) || section[field.key].is_null()) continue;
      result.integers[field.field] =
          integer(section[field.key], fmt::format("{}.{}", field.section, field.key));
    }
    const Json& vision = json["vision_config"];
    if (vision.is_object() && vision.contains("global_attn_indexes")) {
      result.global_blocks =
          integers(vision["global_attn_indexes"], "vision_config.global_attn_indexes");
    }
    if (vision.is_object() && vision.contains("use_rel_pos")) {
      result.rel_pos = boolean(vision["use_rel_pos"], "vision_config.use_rel_pos");
    }
    // Older files leave out what has Hugging Face's default: mlp_ratio times the width.
    if (result.integers["mlp_dim"] == 0) result.integers.erase("mlp_dim");
    return result;
  }

  const std::string& name_;
};

}  // namespace

bool SamConfigOverride::empty() const {
  return integers.empty() && floats.empty() && !global_blocks && !rel_pos;
}

std::optional<int> SamConfigOverride::integer(const std::string& field) const {
  const auto found = integers.find(field);
  if (found == integers.end()) return std::nullopt;
  return found->second;
}

SamConfigOverride parse_config_override(const std::string& json, const std::string& name) {
  LASSO_CHECK(json.size() <= kMaxConfigBytes, ErrorCode::kInvalidArgument,
              "{}: {} bytes are too many for a configuration", name, json.size());
  return Reader(name).read(json);
}

std::string folder_config(const std::string& folder) {
  const std::string path = folder + "/config.json";
  std::error_code ignored;
  if (folder.empty() || !std::filesystem::is_regular_file(path, ignored) ||
      std::filesystem::file_size(path, ignored) > kMaxConfigBytes) {
    return "";
  }
  return read_file(path).find("\"vision_config\"") == std::string::npos ? "" : path;
}

SamConfigOverride read_config_override(const std::string& path) {
  return parse_config_override(read_file(path), path);
}

}  // namespace lasso::sam
