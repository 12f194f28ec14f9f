// The parameters of a SAM model: names, shapes, and random values.
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "core/random.h"
#include "models/random_weights.h"
#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::sam {

namespace {

class Expected {
 public:
  explicit Expected(const SamConfig& config) : c_(config) {}

  std::vector<ExpectedTensor> run() {
    image_encoder();
    prompt_encoder();
    mask_decoder();
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, Dims dims) { tensors_.push_back({name, std::move(dims)}); }
  void linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }

  void image_encoder() {
    const std::string p = "image_encoder.";
    const std::int64_t width = c_.embed_dim;
    const std::int64_t grid = c_.grid();
    add(p + "pos_embed", {1, grid, grid, width});
    add(p + "patch_embed.proj.weight", {width, 3, c_.patch_size, c_.patch_size});
    add(p + "patch_embed.proj.bias", {width});
    for (int i = 0; i < c_.depth; ++i) {
      const std::string b = p + "blocks." + std::to_string(i) + ".";
      norm(b + "norm1", width);
      if (c_.rel_pos) {
        const std::int64_t side = c_.is_global(i) ? grid : c_.window_size;
        add(b + "attn.rel_pos_h", {2 * side - 1, c_.head_dim});
        add(b + "attn.rel_pos_w", {2 * side - 1, c_.head_dim});
      }
      linear(b + "attn.qkv", 3 * width, width);
      linear(b + "attn.proj", width, width);
      norm(b + "norm2", width);
      linear(b + "mlp.lin1", c_.mlp_dim, width);
      linear(b + "mlp.lin2", width, c_.mlp_dim);
    }
    add(p + "neck.0.weight", {c_.prompt_dim, width, 1, 1});
    norm(p + "neck.1", c_.prompt_dim);
    add(p + "neck.2.weight", {c_.prompt_dim, c_.prompt_dim, 3, 3});
    norm(p + "neck.3", c_.prompt_dim);
  }

  void prompt_encoder() {
    const std::string p = "prompt_encoder.";
    const std::int64_t width = c_.prompt_dim;
    const std::int64_t channels = c_.mask_in_chans;
    add(p + "pe_layer.positional_encoding_gaussian_matrix", {2, width / 2});
    for (int i = 0; i < 4; ++i) {
      add(p + "point_embeddings." + std::to_string(i) + ".weight", {1, width});
    }
    add(p + "not_a_point_embed.weight", {1, width});
    add(p + "mask_downscaling.0.weight", {channels / 4, 1, 2, 2});
    add(p + "mask_downscaling.0.bias", {channels / 4});
    norm(p + "mask_downscaling.1", channels / 4);
    add(p + "mask_downscaling.3.weight", {channels, channels / 4, 2, 2});
    add(p + "mask_downscaling.3.bias", {channels});
    norm(p + "mask_downscaling.4", channels);
    add(p + "mask_downscaling.6.weight", {width, channels, 1, 1});
    add(p + "mask_downscaling.6.bias", {width});
    add(p + "no_mask_embed.weight", {1, width});
  }

  void attention(const std::string& name, std::int64_t inner) {
    for (const char* projection : {".q_proj", ".k_proj", ".v_proj"}) {
      linear(name + projection, inner, c_.prompt_dim);
    }
    linear(name + ".out_proj", c_.prompt_dim, inner);
  }

  void mlp(const std::string& name, int depth, std::int64_t hidden, std::int64_t out) {
    for (int i = 0; i < depth; ++i) {
      linear(name + ".layers." + std::to_string(i), i == depth - 1 ? out : hidden,
             i == 0 ? c_.prompt_dim : hidden);
    }
  }

  void mask_decoder() {
    const std::string p = "mask_decoder.";
    const std::int64_t width = c_.prompt_dim;
    const std::int64_t inner = c_.decoder_attention_dim();
    for (int i = 0; i < c_.decoder_depth; ++i) {
      const std::string l = p + "transformer.layers." + std::to_string(i);
      attention(l + ".self_attn", width);
      norm(l + ".norm1", width);
      attention(l + ".cross_attn_token_to_image", inner);
      norm(l + ".norm2", width);
      linear(l + ".mlp.lin1", c_.decoder_mlp_dim, width);
      linear(l + ".mlp.lin2", width, c_.decoder_mlp_dim);
      norm(l + ".norm3", width);
      norm(l + ".norm4", width);
      attention(l + ".cross_attn_image_to_token", inner);
    }
    attention(p + "transformer.final_attn_token_to_image", inner);
    norm(p + "transformer.norm_final_attn", width);
    add(p + "iou_token.weight", {1, width});
    add(p + "mask_tokens.weight", {c_.num_mask_tokens(), width});
    add(p + "output_upscaling.0.weight", {width, width / 4, 2, 2});
    add(p + "output_upscaling.0.bias", {width / 4});
    norm(p + "output_upscaling.1", width / 4);
    add(p + "output_upscaling.3.weight", {width / 4, width / 8, 2, 2});
    add(p + "output_upscaling.3.bias", {width / 8});
    for (int i = 0; i < c_.num_mask_tokens(); ++i) {
      mlp(p + "output_hypernetworks_mlps." + std::to_string(i), 3, width, width / 8);
    }
    mlp(p + "iou_prediction_head", c_.iou_head_depth, c_.iou_head_hidden, c_.num_mask_tokens());
  }

  const SamConfig& c_;
  std::vector<ExpectedTensor> tensors_;
};

std::uint64_t hash_name(std::string_view name) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

struct Distribution {
  float mean = 0;
  float deviation = 0;
};

Distribution distribution(const ExpectedTensor& tensor) {
  const Dims& dims = tensor.dims;
  if (tensor.name.ends_with(".bias")) return {0, 0.02F};
  if (dims.size() == 1) return {1, 0.02F};  // scales of norms
  if (tensor.name.ends_with("pos_embed") || tensor.name.find(".rel_pos_") != std::string::npos) {
    return {0, 0.02F};
  }
  // Learned tokens, and the random directions of the positional encoding.
  if (dims.size() == 2 &&
      (tensor.name.find("embed") != std::string::npos ||
       tensor.name.find("token") != std::string::npos ||
       tensor.name.ends_with("gaussian_matrix")) &&
      tensor.name.find("_attn_") == std::string::npos) {
    return {0, 1};
  }
  // 1/sqrt(fan-in) keeps the variance of what goes through; a transposed convolution's inputs come
  // first.
  std::int64_t fan_in = element_count(dims) / dims[0];
  if (tensor.name.find("output_upscaling") != std::string::npos) fan_in = dims[0];
  return {0, 1.0F / std::sqrt(static_cast<float>(fan_in))};
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const SamConfig& config) {
  return Expected(config).run();
}

std::int64_t parameter_count(const SamConfig& config) {
  std::int64_t count = 0;
  for (const ExpectedTensor& tensor : expected_tensors(config)) count += element_count(tensor.dims);
  return count;
}

Tensor random_tensor(const ExpectedTensor& tensor, std::uint64_t seed) {
  const Distribution d = distribution(tensor);
  return normal_tensor(tensor.dims, mix(seed ^ hash_name(tensor.name)), d.mean, d.deviation);
}

Weights random_weights(const SamConfig& config, std::uint64_t seed) {
  Weights weights("random weights");
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    weights.set(tensor.name, random_tensor(tensor, seed));
  }
  return weights;
}

}  // namespace lasso::sam
