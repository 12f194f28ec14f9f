#include "models/sam/checkpoint/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "core/check.h"
#include "core/json.h"
#include "models/sam/checkpoint/config_fields.h"

namespace lasso::sam {

namespace {

constexpr int kMaxImageSize = 16384;
constexpr int kMaxWidth = 65536;
constexpr int kMaxDepth = 512;
constexpr std::int64_t kMaxTokens = 1 << 20;

SamConfig vit(int embed_dim, int depth, int heads, std::vector<int> global_blocks) {
  SamConfig config;
  config.embed_dim = embed_dim;
  config.depth = depth;
  config.num_heads = heads;
  config.head_dim = embed_dim / heads;
  config.mlp_dim = 4 * embed_dim;
  config.global_blocks = std::move(global_blocks);
  return config;
}

}  // namespace

bool SamConfig::is_global(int block) const {
  return std::binary_search(global_blocks.begin(), global_blocks.end(), block);
}

SamConfig vit_b() { return vit(768, 12, 12, {2, 5, 8, 11}); }
SamConfig vit_l() { return vit(1024, 24, 16, {5, 11, 17, 23}); }
SamConfig vit_h() { return vit(1280, 32, 16, {7, 15, 23, 31}); }

std::string model_name(const SamConfig& config) {
  const auto is = [&](const SamConfig& other) {
    return config.embed_dim == other.embed_dim && config.depth == other.depth &&
           config.num_heads == other.num_heads;
  };
  if (is(vit_b())) return "SAM ViT-B";
  if (is(vit_l())) return "SAM ViT-L";
  if (is(vit_h())) return "SAM ViT-H";
  return fmt::format("SAM (width {}, depth {})", config.embed_dim, config.depth);
}

std::string to_json(const SamConfig& config) {
  Json json;
  for (const IntegerField& field : kIntegerFields) {
    json[std::string(field.name)] = config.*field.member;
  }
  for (const FloatField& field : kFloatFields) {
    // The shortest decimal that reads back as this float, not the digits of its double. Neither
    // function asks the locale what a decimal point is.
    const std::string text = fmt::format("{}", config.*field.member);
    double value = config.*field.member;
    std::from_chars(text.data(), text.data() + text.size(), value);
    json[std::string(field.name)] = value;
  }
  json["global_blocks"] = config.global_blocks;
  json["rel_pos"] = config.rel_pos;
  return json.dump();
}

void check_config(const SamConfig& config, const std::string& source) {
  const auto require = [&](bool condition, const std::string& what) {
    LASSO_CHECK(condition, ErrorCode::kCorruptFile, "{}: {}", source, what);
  };
  const auto in_range = [&](const char* field, int value, int low, int high) {
    require(value >= low && value <= high,
            fmt::format("{} is {}, and {} to {} is supported", field, value, low, high));
  };
  in_range("patch_size", config.patch_size, 1, 256);
  in_range("image_size", config.image_size, config.patch_size, kMaxImageSize);
  require(config.image_size % config.patch_size == 0,
          fmt::format("image_size {} is no multiple of patch_size {}", config.image_size,
                      config.patch_size));
  require(std::int64_t{config.grid()} * config.grid() <= kMaxTokens,
          fmt::format("a grid of {0} x {0} tokens is too large", config.grid()));
  in_range("embed_dim", config.embed_dim, 1, kMaxWidth);
  in_range("depth", config.depth, 1, kMaxDepth);
  in_range("num_heads", config.num_heads, 1, config.embed_dim);
  in_range("head_dim", config.head_dim, 1, config.embed_dim);
  require(config.num_heads * config.head_dim == config.embed_dim,
          fmt::format("embed_dim {} is not num_heads {} times head_dim {}", config.embed_dim,
                      config.num_heads, config.head_dim));
  in_range("mlp_dim", config.mlp_dim, 1, 4 * kMaxWidth);
  in_range("window_size", config.window_size, 0, 1024);
  in_range("prompt_dim", config.prompt_dim, 8, kMaxWidth);
  require(config.prompt_dim % 8 == 0,
          fmt::format("prompt_dim {} is no multiple of 8", config.prompt_dim));
  in_range("mask_in_chans", config.mask_in_chans, 4, kMaxWidth);
  require(config.mask_in_chans % 4 == 0,
          fmt::format("mask_in_chans {} is no multiple of 4", config.mask_in_chans));
  in_range("decoder_depth", config.decoder_depth, 1, kMaxDepth);
  in_range("decoder_heads", config.decoder_heads, 1, config.prompt_dim);
  in_range("decoder_mlp_dim", config.decoder_mlp_dim, 1, 4 * kMaxWidth);
  in_range("attention_downsample", config.attention_downsample, 1, config.prompt_dim);
  require(config.prompt_dim % config.attention_downsample == 0 &&
              config.decoder_attention_dim() % config.decoder_heads == 0,
          fmt::format("prompt_dim {} can't be divided by attention_downsample {} and {} heads",
                      config.prompt_dim, config.attention_downsample, config.decoder_heads));
  in_range("num_multimask_outputs", config.num_multimask_outputs, 1, 255);
  in_range("iou_head_depth", config.iou_head_depth, 2, 64);
  in_range("iou_head_hidden", config.iou_head_hidden, 1, kMaxWidth);
  int before = -1;
  for (const int block : config.global_blocks) {
    require(block > before && block < config.depth,
            fmt::format("global_blocks [{}] must ascend and lie in 0 to {}",
                        fmt::join(config.global_blocks, ", "), config.depth - 1));
    before = block;
  }
  require(config.window_size > 0 ||
              config.global_blocks.size() == static_cast<std::size_t>(config.depth),
          "window_size is 0, and not every block is global");
  for (const FloatField& field : kFloatFields) {
    require(config.*field.member > 0 && config.*field.member < 1,
            fmt::format("{} is {}, and 0 to 1 is expected", field.name, config.*field.member));
  }
}

}  // namespace lasso::sam
