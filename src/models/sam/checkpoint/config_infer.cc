// The configuration, read off names and shapes.
#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/check.h"
#include "models/sam/checkpoint/config.h"
#include "models/sam/checkpoint/config_fields.h"

namespace lasso::sam {

namespace {

constexpr std::int64_t kMaxDimension = 1 << 24;

class Inference {
 public:
  Inference(const Weights& weights, const SamConfigOverride& stated)
      : weights_(weights), stated_(stated) {}

  SamConfig run() {
    encoder();
    attention();
    prompt_encoder();
    decoder();
    for (const FloatField& field : kFloatFields) {
      const auto found = stated_.floats.find(std::string(field.name));
      if (found != stated_.floats.end()) config_.*field.member = found->second;
    }
    config_.decoder_heads = stated_.integer("decoder_heads").value_or(config_.decoder_heads);
    check_stated();
    check_config(config_, weights_.path());
    return config_;
  }

 private:
  template <typename... Args>
  [[noreturn]] void corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kCorruptFile, "{}: {}", weights_.path(),
         fmt::format(format, std::forward<Args>(args)...));
  }

  // The shape of a tensor that must be there; `expected` describes it in the message.
  std::vector<int> shape(const std::string& name, std::size_t rank, const char* expected) const {
    if (!weights_.contains(name)) {
      const auto other = weights_.others().find(name);
      if (other != weights_.others().end()) {
        corrupt("{} is {}, and a plain tensor {} is expected", name, other->second.what, expected);
      }
      corrupt("tensor {} is missing; its shape, {}, says how the model is built", name, expected);
    }
    const Dims& dims = weights_.at(name).dims;
    const bool fits = dims.size() == rank && std::all_of(dims.begin(), dims.end(), [](auto dim) {
                        return dim >= 1 && dim <= kMaxDimension;
                      });
    if (!fits) {
      corrupt("tensor {} has shape {}, and {} was expected", name, to_string(dims), expected);
    }
    return {dims.begin(), dims.end()};
  }

  // One more than the highest N of names that begin with "prefixN.".
  int count(const std::string& prefix) const {
    int highest = -1;
    const auto& tensors = weights_.tensors();
    for (auto it = tensors.lower_bound(prefix);
         it != tensors.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
      const char* begin = it->first.data() + prefix.size();
      const char* end = it->first.data() + it->first.size();
      int number = -1;
      const auto [rest, error] = std::from_chars(begin, end, number);
      if (error == std::errc() && rest != end && *rest == '.') highest = std::max(highest, number);
    }
    return std::min(highest, 1'000'000) + 1;
  }

  void encoder() {
    const auto patches =
        shape("image_encoder.patch_embed.proj.weight", 4, "[embed_dim, 3, patch_size, patch_size]");
    config_.embed_dim = patches[0];
    config_.patch_size = patches[2];
    const auto positions = shape("image_encoder.pos_embed", 4, "[1, grid, grid, embed_dim]");
    if (positions[1] != positions[2] || positions[0] != 1) {
      corrupt("tensor image_encoder.pos_embed has shape {}, and a square grid was expected",
              to_string(weights_.at("image_encoder.pos_embed").dims));
    }
    const std::int64_t side = std::int64_t{positions[1]} * config_.patch_size;
    if (side > kMaxDimension) corrupt("an image of {0} x {0} pixels", side);
    config_.image_size = static_cast<int>(side);
    if (const auto size = stated_.integer("image_size"); size && *size != config_.image_size) {
      fail(ErrorCode::kUnsupported,
           "{}: the configuration says image_size {}, and image_encoder.pos_embed is made for {} "
           "(a grid of {}): Lasso does not resize it; save the checkpoint with a resized pos_embed",
           weights_.path(), *size, config_.image_size, positions[1]);
    }
    config_.depth = count("image_encoder.blocks.");
    if (config_.depth == 0) corrupt("no tensor is named image_encoder.blocks.N...");
    config_.mlp_dim = shape("image_encoder.blocks.0.mlp.lin1.weight", 2, "[mlp_dim, embed_dim]")[0];
    config_.prompt_dim =
        shape("image_encoder.neck.0.weight", 4, "[prompt_dim, embed_dim, 1, 1]")[0];
  }

  void attention() {
    const std::string first = "image_encoder.blocks.0.attn.rel_pos_h";
    const bool has_tables = weights_.contains(first);
    config_.rel_pos = has_tables;
    if (!has_tables) return stated_attention();
    config_.head_dim = shape(first, 2, "[positions, head_dim]")[1];
    if (config_.embed_dim % config_.head_dim != 0) {
      corrupt("{} is {} wide, which does not divide embed_dim {}", first, config_.head_dim,
              config_.embed_dim);
    }
    config_.num_heads = config_.embed_dim / config_.head_dim;
    if (config_.depth > 4096) corrupt("{} blocks", config_.depth);
    std::vector<int> rows;
    for (int i = 0; i < config_.depth; ++i) {
      rows.push_back(shape("image_encoder.blocks." + std::to_string(i) + ".attn.rel_pos_h", 2,
                           "[positions, head_dim]")[0]);
    }
    const int global_rows = 2 * config_.grid() - 1;
    if (stated_.global_blocks) {
      config_.global_blocks = *stated_.global_blocks;
    } else {
      for (int i = 0; i < config_.depth; ++i) {
        if (rows[static_cast<std::size_t>(i)] == global_rows) config_.global_blocks.push_back(i);
      }
    }
    config_.window_size = window_from(rows);
  }

  // The side of the windows, from the number of rows that all blocks with windows must share.
  int window_from(const std::vector<int>& rows) const {
    if (const auto window = stated_.integer("window_size")) return *window;
    int window_rows = 0;
    for (int i = 0; i < config_.depth; ++i) {
      if (config_.is_global(i)) continue;
      const int here = rows[static_cast<std::size_t>(i)];
      const bool same = window_rows == 0 || here == window_rows;
      // Without one table of the grid's own length, longer tables may belong to a larger image.
      const bool plausible =
          here % 2 == 1 && (here < 2 * config_.grid() || !config_.global_blocks.empty());
      if (!same || !plausible) {
        fail(ErrorCode::kUnsupported,
             "{}: image_encoder.blocks.{}.attn.rel_pos_h has {} rows, where {} (global attention "
             "over the grid of {}) or one odd number for all other blocks was expected: say how "
             "the blocks attend with --config F.json, such as {{\"window_size\": 14, "
             "\"global_blocks\": [2, 5, 8, 11]}}; the tables are then interpolated",
             weights_.path(), i, here, 2 * config_.grid() - 1, config_.grid());
      }
      window_rows = here;
    }
    return (window_rows + 1) / 2;
  }

  // Without tables of relative positions nothing in the shapes tells heads and windows.
  void stated_attention() {
    const auto heads = stated_.integer("num_heads");
    const auto window = stated_.integer("window_size");
    LASSO_CHECK(heads && window && stated_.global_blocks, ErrorCode::kUnsupported,
                "{}: without tables of relative positions (attn.rel_pos_h) shapes do not tell how "
                "the blocks attend: say it with --config F.json, such as {{\"num_heads\": 12, "
                "\"window_size\": 14, \"global_blocks\": [2, 5, 8, 11]}}",
                weights_.path());
    config_.num_heads = *heads;
    config_.window_size = *window;
    config_.global_blocks = *stated_.global_blocks;
    if (*heads == 0 || config_.embed_dim % *heads != 0) {
      corrupt("num_heads {} does not divide embed_dim {}", *heads, config_.embed_dim);
    }
    config_.head_dim = config_.embed_dim / *heads;
  }

  void prompt_encoder() {
    config_.mask_in_chans = shape("prompt_encoder.mask_downscaling.3.weight", 4,
                                  "[mask_in_chans, mask_in_chans / 4, 2, 2]")[0];
  }

  void decoder() {
    const std::string p = "mask_decoder.";
    config_.decoder_depth = count(p + "transformer.layers.");
    config_.decoder_mlp_dim =
        shape(p + "transformer.layers.0.mlp.lin1.weight", 2, "[decoder_mlp_dim, prompt_dim]")[0];
    const int inner = shape(p + "transformer.layers.0.cross_attn_token_to_image.q_proj.weight", 2,
                            "[prompt_dim / attention_downsample, prompt_dim]")[0];
    if (config_.prompt_dim % inner != 0) {
      corrupt("the decoder's cross-attention is {} wide, which does not divide prompt_dim {}",
              inner, config_.prompt_dim);
    }
    config_.attention_downsample = config_.prompt_dim / inner;
    config_.num_multimask_outputs =
        shape(p + "mask_tokens.weight", 2, "[masks, prompt_dim]")[0] - 1;
    config_.iou_head_depth = count(p + "iou_prediction_head.layers.");
    config_.iou_head_hidden =
        shape(p + "iou_prediction_head.layers.0.weight", 2, "[iou_head_hidden, prompt_dim]")[0];
  }

  // What is stated must be what was found.
  void check_stated() const {
    for (const IntegerField& field : kIntegerFields) {
      const auto value = stated_.integer(std::string(field.name));
      LASSO_CHECK(!value || *value == config_.*field.member, ErrorCode::kInvalidArgument,
                  "{}: the configuration says {} {}, and the tensors' shapes say {}",
                  weights_.path(), field.name, *value, config_.*field.member);
    }
    LASSO_CHECK(!stated_.rel_pos || *stated_.rel_pos == config_.rel_pos,
                ErrorCode::kInvalidArgument,
                "{}: the configuration says rel_pos {}, and the tensors say {}", weights_.path(),
                *stated_.rel_pos, config_.rel_pos);
  }

  const Weights& weights_;
  const SamConfigOverride& stated_;
  SamConfig config_;
};

}  // namespace

SamConfig infer_config(const Weights& weights, const SamConfigOverride& stated) {
  return Inference(weights, stated).run();
}

}  // namespace lasso::sam
