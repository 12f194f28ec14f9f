// The prompt encoder and the mask decoder: tokens for prompts and outputs and the image's tokens
// attend to each other in two-way blocks; each mask is the product of an upscaled image embedding
// and a vector made from its token.
#include <cmath>
#include <numbers>

#include "core/check.h"
#include "core/convert.h"
#include "models/sam/describe/describe.h"
#include "models/sam/describe/describe_builder.h"

namespace lasso::sam {

using graph::Activation;
using graph::Dim;
using graph::ValueId;

namespace {

std::vector<float> read_parameter(const Weights& weights, const std::string& name) {
  const Tensor tensor = weights.dense(name);
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.dims)));
  read_f32(tensor.view(), values.data());
  tensor.check_file();
  return values;
}

// The positional encoding of the grid's points, [grid * grid, D]: random Fourier features of the
// cells' centres.
Tensor dense_positional_encoding(const SamCheckpoint& checkpoint) {
  const std::int64_t grid = checkpoint.config.grid();
  const std::int64_t half = checkpoint.config.prompt_dim / 2;
  const std::vector<float> matrix = read_parameter(
      checkpoint.weights, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
  std::vector<float> values(static_cast<std::size_t>(grid * grid * half * 2));
  const auto centre = [&](std::int64_t i) {
    return 2.0F * ((static_cast<float>(i) + 0.5F) / static_cast<float>(grid)) - 1.0F;
  };
  float* out = values.data();
  for (std::int64_t y = 0; y < grid; ++y) {
    for (std::int64_t x = 0; x < grid; ++x, out += 2 * half) {
      for (std::int64_t j = 0; j < half; ++j) {
        const auto row = static_cast<std::size_t>(j);
        const float projected =
            centre(x) * matrix[row] + centre(y) * matrix[row + static_cast<std::size_t>(half)];
        const float angle = 2.0F * std::numbers::pi_v<float> * projected;
        out[j] = std::sin(angle);
        out[j + half] = std::cos(angle);
      }
    }
  }
  return make_tensor({grid * grid, 2 * half}, values);
}

// The learned embeddings by label: row 0 is "not a point" (label -1), then labels 0 to 3.
Tensor label_table(const SamCheckpoint& checkpoint) {
  std::vector<float> table =
      read_parameter(checkpoint.weights, "prompt_encoder.not_a_point_embed.weight");
  for (int label = 0; label < 4; ++label) {
    const std::vector<float> row = read_parameter(
        checkpoint.weights, fmt::format("prompt_encoder.point_embeddings.{}.weight", label));
    table.insert(table.end(), row.begin(), row.end());
  }
  return make_tensor({5, checkpoint.config.prompt_dim}, table);
}

class DecoderBuilder {
 public:
  DecoderBuilder(const SamCheckpoint& checkpoint, const DecoderConstants& constants,
                 bool mask_input)
      : b_(mask_input ? kMaskDecoderWithMask : kMaskDecoder, checkpoint),
        constants_(constants),
        config_(checkpoint.config),
        grid_(config_.grid()),
        dim_(config_.prompt_dim),
        mask_input_(mask_input) {}

  graph::Graph run() {
    const ValueId embeddings = b_.input("image_embeddings", DType::kF32, {1, grid_, grid_, dim_});
    const ValueId tokens = prompt_tokens();
    const ValueId image = image_tokens(embeddings);
    const Streams streams = two_way_transformer(tokens, image);
    outputs(streams);
    graph::Graph graph = b_.finish();
    graph.typical = {{"prompts", 1}, {"points", 2}};
    return graph;
  }

 private:
  struct Streams {
    ValueId tokens;  // [prompts, 1 + masks + points, D]
    ValueId image;   // [prompts or 1, g * g, D]
  };

  // Output tokens (IoU, then one for each mask) and one token for each point.
  ValueId prompt_tokens() {
    const ValueId coords = b_.input("point_coords", DType::kF32, {prompts_, points_, 2});
    const ValueId labels = b_.input("point_labels", DType::kI32, {prompts_, points_});
    const ValueId encoding = b_.add(
        "prompt.positions", graph::FourierFeatures{},
        {coords, b_.parameter("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix")});
    // Padding points have no position.
    const ValueId gains =
        b_.constant("prompt.gains", make_tensor({5, 1}, std::vector<float>{0, 1, 1, 1, 1}));
    const ValueId gain = b_.add("prompt.gain", graph::Gather{1}, {gains, labels});
    const ValueId positions =
        b_.add("prompt.masked_positions", graph::Binary{graph::BinaryKind::kMul}, {encoding, gain});
    const ValueId table = b_.constant("prompt.label_table", constants_.label_table);
    const ValueId kinds = b_.add("prompt.labels", graph::Gather{1}, {table, labels});
    const ValueId points = b_.sum("prompt.points", positions, kinds);

    const std::int64_t masks = config_.num_mask_tokens();
    const ValueId iou_token = b_.parameter("mask_decoder.iou_token.weight", {1, 1, dim_});
    const ValueId mask_tokens = b_.parameter("mask_decoder.mask_tokens.weight", {1, masks, dim_});
    const ValueId output_tokens =
        b_.add("output_tokens.one", graph::Concat{1}, {iou_token, mask_tokens});
    const ValueId expanded =
        b_.add("output_tokens", graph::Expand{{prompts_, masks + 1, dim_}}, {output_tokens});
    return b_.add("tokens", graph::Concat{1}, {expanded, points});
  }

  // The image embedding plus the embedding of the mask prompt. Without one it is the same for all
  // prompts.
  ValueId image_tokens(ValueId embeddings) {
    if (!mask_input_) {
      const ValueId none = b_.parameter("prompt_encoder.no_mask_embed.weight", {dim_});
      const ValueId sum = b_.sum("src", embeddings, none);
      return b_.add("src.tokens", graph::Reshape{{1, grid_ * grid_, dim_}}, {sum});
    }
    const std::string p = "prompt_encoder.mask_downscaling.";
    ValueId x = b_.input("mask_input", DType::kF32, {prompts_, 4 * grid_, 4 * grid_, 1});
    x = b_.add("mask_downscaling.0", graph::Conv2d{2, 2, 2, 0},
               {x, b_.parameter(p + "0.weight"), b_.parameter(p + "0.bias")});
    x = b_.norm("mask_downscaling.1", x, p + "1", config_.norm_2d_eps);
    x = b_.activation("mask_downscaling.2", x, Activation::kGelu);
    x = b_.add("mask_downscaling.3", graph::Conv2d{2, 2, 2, 0},
               {x, b_.parameter(p + "3.weight"), b_.parameter(p + "3.bias")});
    x = b_.norm("mask_downscaling.4", x, p + "4", config_.norm_2d_eps);
    x = b_.activation("mask_downscaling.5", x, Activation::kGelu);
    x = b_.add("mask_downscaling.6", graph::Linear{},
               {x, b_.parameter(p + "6.weight", {dim_, config_.mask_in_chans}),
                b_.parameter(p + "6.bias")});
    const ValueId sum = b_.sum("src", x, embeddings);
    return b_.add("src.tokens", graph::Reshape{{prompts_, grid_ * grid_, dim_}}, {sum});
  }

  ValueId attention(const std::string& name, const std::string& layer, ValueId q, ValueId k,
                    ValueId v) {
    const ValueId queries = b_.linear(name + ".q", q, layer + ".q_proj");
    const ValueId keys = b_.linear(name + ".k", k, layer + ".k_proj");
    const ValueId values = b_.linear(name + ".v", v, layer + ".v_proj");
    const Dim width = b_.shape(queries).back();
    const std::int64_t head = width.constant() / config_.decoder_heads;
    const ValueId attended = b_.add(
        name, graph::Attention{config_.decoder_heads, 1.0F / std::sqrt(static_cast<float>(head))},
        {queries, keys, values});
    return b_.linear(name + ".out", attended, layer + ".out_proj");
  }

  Streams two_way_transformer(ValueId tokens, ValueId image) {
    const ValueId token_positions = tokens;
    const ValueId image_positions =
        b_.constant("dense_positional_encoding", constants_.dense_positions);
    Streams s{tokens, image};
    const float epsilon = config_.decoder_norm_eps;
    for (int i = 0; i < config_.decoder_depth; ++i) {
      const std::string name = fmt::format("layers.{}", i);
      const std::string p = "mask_decoder.transformer." + name;

      // The first layer's queries are the prompt's tokens themselves: no positions, no residual.
      if (i == 0) {
        s.tokens = attention(name + ".self_attn", p + ".self_attn", s.tokens, s.tokens, s.tokens);
      } else {
        const ValueId q = b_.sum(name + ".self_attn.in", s.tokens, token_positions);
        const ValueId out = attention(name + ".self_attn", p + ".self_attn", q, q, s.tokens);
        s.tokens = b_.sum(name + ".self_attn.sum", out, s.tokens);
      }
      s.tokens = b_.norm(name + ".norm1", s.tokens, p + ".norm1", epsilon);

      const ValueId keys = b_.sum(name + ".keys", s.image, image_positions);
      s.tokens = attend_to_image(name + ".token_to_image", p + ".cross_attn_token_to_image", s,
                                 keys, token_positions);
      s.tokens = b_.norm(name + ".norm2", s.tokens, p + ".norm2", epsilon);

      ValueId hidden = b_.linear(name + ".mlp.lin1", s.tokens, p + ".mlp.lin1");
      hidden = b_.activation(name + ".mlp.relu", hidden, Activation::kRelu);
      const ValueId mlp = b_.linear(name + ".mlp.lin2", hidden, p + ".mlp.lin2");
      s.tokens =
          b_.norm(name + ".norm3", b_.sum(name + ".mlp.sum", mlp, s.tokens), p + ".norm3", epsilon);

      const ValueId q = b_.sum(name + ".image_to_token.in", s.tokens, token_positions);
      const ValueId out =
          attention(name + ".image_to_token", p + ".cross_attn_image_to_token", keys, q, s.tokens);
      s.image = b_.norm(name + ".norm4", b_.sum(name + ".image_to_token.sum", out, s.image),
                        p + ".norm4", epsilon);
    }
    const ValueId keys = b_.sum("final.keys", s.image, image_positions);
    s.tokens = attend_to_image("final", "mask_decoder.transformer.final_attn_token_to_image", s,
                               keys, token_positions);
    s.tokens = b_.norm("final.norm", s.tokens, "mask_decoder.transformer.norm_final_attn",
                       config_.decoder_final_norm_eps);
    return s;
  }

  ValueId attend_to_image(const std::string& name, const std::string& layer, const Streams& s,
                          ValueId keys, ValueId token_positions) {
    const ValueId q = b_.sum(name + ".in", s.tokens, token_positions);
    return b_.sum(name + ".sum", attention(name, layer, q, keys, s.image), s.tokens);
  }

  void outputs(const Streams& s) {
    const std::int64_t masks = config_.num_mask_tokens();
    const std::string p = "mask_decoder.";
    const Dim batch = b_.shape(s.image)[0];
    ValueId x = b_.add("upscaling.in", graph::Reshape{{batch, grid_, grid_, dim_}}, {s.image});
    x = upscale("upscaling.0", x, p + "output_upscaling.0");
    x = b_.norm("upscaling.1", x, p + "output_upscaling.1", config_.norm_2d_eps);
    x = b_.activation("upscaling.2", x, Activation::kGelu);
    x = upscale("upscaling.3", x, p + "output_upscaling.3");
    x = b_.activation("upscaling.4", x, Activation::kGelu);
    const Dim channels = b_.shape(x).back();
    const std::int64_t side = 4 * grid_;
    x = b_.add("upscaled", graph::Reshape{{batch, side * side, channels}}, {x});

    std::vector<ValueId> rows;
    for (std::int64_t i = 0; i < masks; ++i) {
      const std::string name = fmt::format("hypernetwork.{}", i);
      const ValueId token = b_.add(name + ".token", graph::Slice{1, i + 1, i + 2}, {s.tokens});
      rows.push_back(
          b_.mlp(name, token, fmt::format("{}output_hypernetworks_mlps.{}.layers", p, i), 3));
    }
    const ValueId hyper = b_.add("hypernetworks", graph::Concat{1}, rows);
    const ValueId logits = b_.add("logits", graph::MatMul{}, {hyper, x});
    b_.output(b_.add("low_res_logits", graph::Reshape{{prompts_, masks, side, side}}, {logits}),
              "low_res_logits");

    const ValueId iou_token = b_.add("iou_token.out", graph::Slice{1, 0, 1}, {s.tokens});
    const ValueId iou =
        b_.mlp("iou_head", iou_token, p + "iou_prediction_head.layers", config_.iou_head_depth);
    b_.output(b_.add("iou_predictions", graph::Reshape{{prompts_, masks}}, {iou}),
              "iou_predictions");
  }

  ValueId upscale(const std::string& name, ValueId x, const std::string& layer) {
    return b_.add(name, graph::ConvTranspose2d{2},
                  {x, b_.parameter(layer + ".weight"), b_.parameter(layer + ".bias")});
  }

  SamBuilder b_;
  const DecoderConstants& constants_;
  const SamConfig& config_;
  std::int64_t grid_;
  std::int64_t dim_;
  bool mask_input_;
  Dim prompts_ = Dim::symbol("prompts");
  Dim points_ = Dim::symbol("points");
};

}  // namespace

DecoderConstants decoder_constants(const SamCheckpoint& checkpoint) {
  return {dense_positional_encoding(checkpoint), label_table(checkpoint)};
}

graph::Graph describe_mask_decoder(const SamCheckpoint& checkpoint,
                                   const DecoderConstants& constants, bool mask_input) {
  return DecoderBuilder(checkpoint, constants, mask_input).run();
}

}  // namespace lasso::sam
