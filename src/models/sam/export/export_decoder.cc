// Prompt encoder and mask decoder as Meta's SamOnnxModel. Sizes that are open are copied by the
// reshapes (0 stands for the size that is there), and what a runtime may lack is spelled out in
// comparisons and choices of floats.
#include <cmath>
#include <numbers>
#include <utility>

#include "core/check.h"
#include "core/convert.h"
#include "models/sam/describe/describe_builder.h"
#include "models/sam/export/export_builder.h"

namespace lasso::sam {

namespace {

using Value = OnnxBuilder::Value;

constexpr auto kFloat = OnnxDataType::kFloat32;

// Of Meta's code: what a logit of a mask is above, and how far the stability score moves that.
constexpr float kMaskThreshold = 0.0F;
constexpr float kStabilityOffset = 1.0F;

class DecoderExporter {
 public:
  DecoderExporter(const SamCheckpoint& checkpoint, const DecoderExport& options)
      : options_(options),
        config_(checkpoint.config),
        grid_(config_.grid()),
        dim_(config_.prompt_dim),
        masks_(config_.num_mask_tokens()),
        constants_(decoder_constants(checkpoint)),
        b_("mask_decoder", options.opset, checkpoint) {}

  BuiltOnnx run() {
    const Value embeddings =
        b_.input(kOnnxEmbeddings, kFloat, {std::int64_t{1}, dim_, grid_, grid_});
    const Value coords = b_.input("point_coords", kFloat, {prompts_, points_, std::int64_t{2}});
    const Value tokens = prompt_tokens(coords);
    const Value image = image_tokens(embeddings);
    if (options_.postprocess) b_.input("orig_im_size", kFloat, {std::int64_t{2}});
    const Streams streams = two_way_transformer(tokens, image);
    outputs(streams, coords);
    return std::move(b_).finish();
  }

 private:
  struct Streams {
    Value tokens;  // [prompts, 1 + masks + points, D]
    Value image;   // [prompts or 1, g * g, D]
  };

  // Output tokens (IoU, then one for each mask) and one token for each point.
  Value prompt_tokens(const Value& coords) {
    const Value points = point_tokens(coords);
    std::vector<float> own = parameter("mask_decoder.iou_token.weight");
    const std::vector<float> mask_tokens = parameter("mask_decoder.mask_tokens.weight");
    own.insert(own.end(), mask_tokens.begin(), mask_tokens.end());
    const Value one = b_.constant("output_tokens.one", make_tensor({1, masks_ + 1, dim_}, own));
    const Value shape =
        b_.node("output_tokens.shape", "Concat", {prompts(coords), b_.ints({masks_ + 1, dim_})},
                {{"axis", std::int64_t{0}}});
    const Value expanded = b_.node("output_tokens", "Expand", {one, shape});
    return b_.node("tokens", "Concat", {expanded, points}, {{"axis", std::int64_t{1}}});
  }

  std::vector<float> parameter(const std::string& name) {
    const Tensor tensor = b_.checkpoint().weights.dense(name);
    std::vector<float> values = read_f32(tensor.view());
    tensor.check_file();
    return values;
  }

  // The number of prompts, [1].
  Value prompts(const Value& coords) {
    const Value shape = b_.node("point_coords.shape", "Shape", {coords});
    return b_.node("point_coords.prompts", "Gather", {shape, b_.ints({0})},
                   {{"axis", std::int64_t{0}}});
  }

  // A point's position, in random Fourier features, and the embedding of its label; -1 has no
  // position.
  Value point_tokens(const Value& coords) {
    const Value labels = b_.input("point_labels", kFloat, {prompts_, points_});
    const Value label = b_.node("prompt.labels", "Unsqueeze", {labels, b_.ints({2})});
    Value x = b_.add("prompt.centres", coords, b_.scalar(0.5F));
    x = b_.node("prompt.shares", "Div", {x, b_.scalar(static_cast<float>(config_.image_size))});
    x = b_.node("prompt.doubled", "Mul", {x, b_.scalar(2.0F)});
    x = b_.node("prompt.coords", "Sub", {x, b_.scalar(1.0F)});
    const Value matrix =
        b_.parameter("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
    x = b_.node("prompt.projected", "MatMul", {x, matrix});
    x = b_.node("prompt.angles", "Mul", {x, b_.scalar(2.0F * std::numbers::pi_v<float>)});
    x = b_.node("prompt.positions", "Concat",
                {b_.node("prompt.sin", "Sin", {x}), b_.node("prompt.cos", "Cos", {x})},
                {{"axis", std::int64_t{-1}}});
    x = where_label("prompt.masked_positions", label, -1, label_row(-1), x);
    Value kind = b_.scalar(0.0F);
    for (int i = 3; i >= 0; --i) {
      kind = where_label(fmt::format("prompt.kind_{}", i), label, i, label_row(i), kind);
    }
    return b_.add("prompt.points", x, kind);
  }

  // `yes` where the label is `value`, `no` elsewhere.
  Value where_label(const std::string& name, const Value& label, int value, const Value& yes,
                    const Value& no) {
    const Value is = b_.node(name + ".is", "Equal", {label, b_.scalar(static_cast<float>(value))});
    return b_.node(name, "Where", {is, yes, no});
  }

  Value label_row(int label) {
    const float* row = constants_.label_table.view().as<float>() + (label + 1) * dim_;
    return b_.constant(fmt::format("prompt.label_{}", label),
                       make_tensor({dim_}, std::vector<float>(row, row + dim_)));
  }

  // The image embedding plus the embedding of the mask prompt.
  Value image_tokens(const Value& embeddings) {
    const std::int64_t side = 4 * grid_;
    const std::string p = "prompt_encoder.mask_downscaling.";
    const Value mask =
        b_.input("mask_input", kFloat, {std::int64_t{1}, std::int64_t{1}, side, side});
    const Value has_mask = b_.input("has_mask_input", kFloat, {std::int64_t{1}});
    Value x = b_.convolution("mask_downscaling.0", "Conv", mask, p + "0", 2, 2, 0, true);
    x = b_.layer_norm_2d("mask_downscaling.1", x, p + "1", config_.norm_2d_eps);
    x = b_.gelu("mask_downscaling.2", x);
    x = b_.convolution("mask_downscaling.3", "Conv", x, p + "3", 2, 2, 0, true);
    x = b_.layer_norm_2d("mask_downscaling.4", x, p + "4", config_.norm_2d_eps);
    x = b_.gelu("mask_downscaling.5", x);
    x = b_.convolution("mask_downscaling.6", "Conv", x, p + "6", 1, 1, 0, true);
    const Value given = b_.node("mask_prompt.given", "Mul", {has_mask, x});
    const Value lacks = b_.node("mask_prompt.lacks", "Sub", {b_.scalar(1.0F), has_mask});
    const Value none =
        b_.node("mask_prompt.none", "Mul",
                {lacks, b_.parameter("prompt_encoder.no_mask_embed.weight", {1, dim_, 1, 1})});
    const Value dense = b_.add("mask_prompt", given, none);
    const Value sum = b_.add("src", embeddings, dense);
    const Value flat = b_.reshape("src.flat", sum, {1, dim_, grid_ * grid_});
    return b_.transpose("src.tokens", flat, {0, 2, 1});
  }

  // [N, T, C] -> [N, heads, T, C / heads].
  Value separate_heads(const std::string& name, const Value& x, std::int64_t width) {
    const std::int64_t heads = config_.decoder_heads;
    return b_.transpose(name, b_.reshape(name + ".split", x, {0, 0, heads, width / heads}),
                        {0, 2, 1, 3});
  }

  Value attention(const std::string& name, const std::string& layer, const Value& q, const Value& k,
                  const Value& v) {
    const std::int64_t width = b_.checkpoint().weights.at(layer + ".q_proj.weight").dims[0];
    const auto heads = [&](const char* part, const Value& x) {
      const std::string own = fmt::format("{}.{}", name, part);
      return separate_heads(own + ".heads",
                            b_.linear(own, x, fmt::format("{}.{}_proj", layer, part)), width);
    };
    const Value queries = heads("q", q);
    const Value keys = b_.transpose(name + ".k.T", heads("k", k), {0, 1, 3, 2});
    const Value values = heads("v", v);
    Value x = b_.node(name + ".products", "MatMul", {queries, keys});
    const float root =
        std::sqrt(static_cast<float>(width) / static_cast<float>(config_.decoder_heads));
    x = b_.node(name + ".logits", "Div", {x, b_.scalar(root)});
    x = b_.node(name + ".softmax", "Softmax", {x}, {{"axis", std::int64_t{-1}}});
    x = b_.node(name + ".attended", "MatMul", {x, values});
    x = b_.transpose(name + ".rows", x, {0, 2, 1, 3});
    x = b_.reshape(name + ".joined", x, {0, 0, width});
    return b_.linear(name, x, layer + ".out_proj");
  }

  Streams two_way_transformer(const Value& tokens, const Value& image) {
    const Value positions = b_.constant(
        "dense_positional_encoding",
        Tensor{DType::kF32, {1, grid_ * grid_, dim_}, constants_.dense_positions.data, nullptr});
    Streams s{tokens, image};
    const float epsilon = config_.decoder_norm_eps;
    for (int i = 0; i < config_.decoder_depth; ++i) {
      const std::string name = fmt::format("layers.{}", i);
      const std::string p = "mask_decoder.transformer." + name;
      // The first layer's queries are the prompt's tokens themselves: no positions, no residual.
      if (i == 0) {
        s.tokens = attention(name + ".self_attn", p + ".self_attn", s.tokens, s.tokens, s.tokens);
      } else {
        const Value q = b_.add(name + ".self_attn.in", s.tokens, tokens);
        const Value out = attention(name + ".self_attn", p + ".self_attn", q, q, s.tokens);
        s.tokens = b_.add(name + ".self_attn.sum", s.tokens, out);
      }
      s.tokens = b_.layer_norm(name + ".norm1", s.tokens, p + ".norm1", epsilon);

      const Value keys = b_.add(name + ".keys", s.image, positions);
      s.tokens = attend_to_image(name + ".token_to_image", p + ".cross_attn_token_to_image", s,
                                 keys, tokens);
      s.tokens = b_.layer_norm(name + ".norm2", s.tokens, p + ".norm2", epsilon);

      Value hidden = b_.linear(name + ".mlp.lin1", s.tokens, p + ".mlp.lin1");
      hidden = b_.node(name + ".mlp.relu", "Relu", {hidden});
      const Value mlp = b_.linear(name + ".mlp.lin2", hidden, p + ".mlp.lin2");
      s.tokens = b_.layer_norm(name + ".norm3", b_.add(name + ".mlp.sum", s.tokens, mlp),
                               p + ".norm3", epsilon);

      const Value q = b_.add(name + ".image_to_token.in", s.tokens, tokens);
      const Value out =
          attention(name + ".image_to_token", p + ".cross_attn_image_to_token", keys, q, s.tokens);
      s.image = b_.layer_norm(name + ".norm4", b_.add(name + ".image_to_token.sum", s.image, out),
                              p + ".norm4", epsilon);
    }
    const Value keys = b_.add("final.keys", s.image, positions);
    s.tokens = attend_to_image("final", "mask_decoder.transformer.final_attn_token_to_image", s,
                               keys, tokens);
    s.tokens = b_.layer_norm("final.norm", s.tokens, "mask_decoder.transformer.norm_final_attn",
                             config_.decoder_final_norm_eps);
    return s;
  }

  Value attend_to_image(const std::string& name, const std::string& layer, const Streams& s,
                        const Value& keys, const Value& tokens) {
    const Value q = b_.add(name + ".in", s.tokens, tokens);
    return b_.add(name + ".sum", s.tokens, attention(name, layer, q, keys, s.image));
  }

  // Linear layers "<layers>.0", "<layers>.1", ... with ReLU between them, of x [prompts, D].
  Value mlp(const std::string& name, Value x, const std::string& layers, int depth,
            const std::string& result) {
    for (int i = 0; i < depth; ++i) {
      const std::string step = fmt::format("{}.{}", name, i);
      const bool last = i + 1 == depth;
      x = b_.linear_2d(last ? result : step, x, fmt::format("{}.{}", layers, i));
      if (!last) x = b_.node(step + ".relu", "Relu", {x});
    }
    return x;
  }

  // A vector for each token of a mask, [prompts, masks, C].
  Value mask_vectors(const Value& tokens) {
    std::vector<Value> rows;
    for (std::int64_t i = 0; i < masks_; ++i) {
      const std::string name = fmt::format("hypernetwork.{}", i);
      const Value token = b_.node(name + ".token", "Gather", {tokens, b_.scalar(i + 1)},
                                  {{"axis", std::int64_t{1}}});
      const Value row =
          mlp(name, token, fmt::format("mask_decoder.output_hypernetworks_mlps.{}.layers", i), 3,
              name + ".out");
      rows.push_back(b_.node(name, "Unsqueeze", {row, b_.ints({1})}));
    }
    return b_.node("hypernetworks", "Concat", rows, {{"axis", std::int64_t{1}}});
  }

  Value upscaled_image(const Value& image) {
    const std::string p = "mask_decoder.output_upscaling.";
    Value x = b_.transpose("upscaling.channels", image, {0, 2, 1});
    x = b_.reshape("upscaling.in", x, {0, dim_, grid_, grid_});
    x = b_.convolution("upscaling.0", "ConvTranspose", x, p + "0", 2, 2, 0, true);
    x = b_.layer_norm_2d("upscaling.1", x, p + "1", config_.norm_2d_eps);
    x = b_.gelu("upscaling.2", x);
    x = b_.convolution("upscaling.3", "ConvTranspose", x, p + "3", 2, 2, 0, true);
    x = b_.gelu("upscaling.4", x);
    const std::int64_t channels = b_.checkpoint().weights.at(p + "3.weight").dims[1];
    return b_.reshape("upscaled", x, {0, channels, 16 * grid_ * grid_});
  }

  void outputs(const Streams& s, const Value& coords) {
    const bool selects = options_.single_mask;
    const std::string low_res = selects ? "all_masks" : "low_res_masks";
    const Value logits =
        b_.node("logits", "MatMul", {mask_vectors(s.tokens), upscaled_image(s.image)});
    Value masks = b_.reshape(low_res, logits, {0, masks_, 4 * grid_, 4 * grid_});
    const bool stable = options_.stability_score;
    const std::string all_scores = selects ? "all_scores" : "iou_predictions";
    Value scores;
    if (stable) {
      scores = stability(all_scores, masks);
    } else {
      const Value token = b_.node("iou_token.out", "Gather", {s.tokens, b_.scalar(std::int64_t{0})},
                                  {{"axis", std::int64_t{1}}});
      scores = mlp("iou_head", token, "mask_decoder.iou_prediction_head.layers",
                   config_.iou_head_depth, all_scores);
    }
    if (selects) {
      const Value best = best_mask(scores, coords);
      scores = chosen("iou_predictions", scores, best);
      masks = chosen("low_res_masks", masks,
                     b_.node("best.of_masks", "Unsqueeze", {best, b_.ints({2, 3})}));
    }
    const OnnxDim count = selects ? std::int64_t{1} : masks_;
    if (options_.postprocess) {
      const Value full = postprocessed(masks);
      b_.output(full, kFloat, {prompts_, count, std::string("height"), std::string("width")});
    }
    b_.output(scores, kFloat, {prompts_, count});
    if (options_.extra_metrics) {
      b_.output(stability("stability_scores", "masks"), kFloat, {prompts_, count});
      b_.output(pixels_above("areas", "masks", kMaskThreshold), kFloat, {prompts_, count});
    }
    b_.output(masks, kFloat, {prompts_, count, 4 * grid_, 4 * grid_});
  }

  // The number of pixels above a logit, of each mask.
  Value pixels_above(const std::string& name, const Value& masks, float logit) {
    const Value above = b_.node(name + ".above", "Greater", {masks, b_.scalar(logit)});
    const Value ones = b_.node(name + ".pixels", "Cast", {above}, {{"to", std::int64_t{1}}});
    return b_.reduce(name, "ReduceSum", ones, {-2, -1}, false, 13);
  }

  // IoU of the masks at a higher and a lower threshold, one of which holds the other.
  Value stability(const std::string& name, const Value& masks) {
    return b_.node(name, "Div",
                   {pixels_above(name + ".high", masks, kMaskThreshold + kStabilityOffset),
                    pixels_above(name + ".low", masks, kMaskThreshold - kStabilityOffset)});
  }

  // True at the mask with the greatest score, [prompts, masks]. The first mask is for prompts of
  // several points: (points - 2.5) * 1000 is added to its score.
  Value best_mask(const Value& scores, const Value& coords) {
    const Value shape = b_.node("best.shape", "Shape", {coords});
    const Value points =
        b_.node("best.points", "Gather", {shape, b_.ints({1})}, {{"axis", std::int64_t{0}}});
    const Value number = b_.node("best.number", "Cast", {points}, {{"to", std::int64_t{1}}});
    const Value excess = b_.node("best.excess", "Sub", {number, b_.scalar(2.5F)});
    std::vector<float> weights(static_cast<std::size_t>(masks_), 0.0F);
    std::vector<float> places(weights.size());
    weights.front() = 1000.0F;
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<float>(i);
    const Value bonus =
        b_.node("best.bonus", "Mul",
                {excess, b_.constant("best.weights", make_tensor({1, masks_}, weights))});
    const Value sum = b_.add("best.scores", scores, bonus);
    const Value index = b_.node("best.index", "ArgMax", {sum},
                                {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}});
    const Value place = b_.node("best.place", "Cast", {index}, {{"to", std::int64_t{1}}});
    return b_.node("best", "Equal",
                   {place, b_.constant("best.places", make_tensor({1, masks_}, places))});
  }

  // Of x [prompts, masks, ...] the one of the best mask: all others count as 0 in a sum.
  Value chosen(const std::string& name, const Value& x, const Value& best) {
    const Value own = b_.node(name + ".best", "Where", {best, x, b_.scalar(0.0F)});
    return b_.reduce(name, "ReduceSum", own, {1}, true, 13);
  }

  // The masks at the picture's size: scaled to the model's square, without its padding, and scaled
  // to the picture.
  Value postprocessed(const Value& masks) {
    const auto resize = [&](const std::string& name, std::vector<Value> inputs) {
      return b_.node(name, "Resize", std::move(inputs),
                     {{"mode", std::string("linear")},
                      {"coordinate_transformation_mode", std::string("pytorch_half_pixel")}});
    };
    const float factor = static_cast<float>(config_.image_size) / static_cast<float>(4 * grid_);
    const Value factors =
        b_.constant("square.factors", make_tensor({4}, std::vector<float>{1, 1, factor, factor}));
    const Value square = resize("square", {masks, "", factors});
    // Sides of the picture in the square: floor(side * S / longest + 0.5).
    const Value longest = b_.reduce("size.longest", "ReduceMax", "orig_im_size", {0}, true, 18);
    const Value scale =
        b_.node("size.scale", "Div", {b_.scalar(static_cast<float>(config_.image_size)), longest});
    Value inner = b_.node("size.scaled", "Mul", {scale, "orig_im_size"});
    inner = b_.node("size.rounded", "Floor", {b_.add("size.shifted", inner, b_.scalar(0.5F))});
    inner = b_.node("size.inner", "Cast", {inner}, {{"to", std::int64_t{7}}});
    const Value picture =
        b_.node("picture", "Slice", {square, b_.ints({0, 0}), inner, b_.ints({2, 3})});
    const Value size = b_.node("size", "Cast", {"orig_im_size"}, {{"to", std::int64_t{7}}});
    const Value shape = b_.node("square.shape", "Shape", {square});
    const Value before =
        b_.node("square.before", "Slice", {shape, b_.ints({0}), b_.ints({2}), b_.ints({0})});
    const Value target =
        b_.node("masks.shape", "Concat", {before, size}, {{"axis", std::int64_t{0}}});
    return resize("masks", {picture, "", "", target});
  }

  const DecoderExport& options_;
  const SamConfig& config_;
  std::int64_t grid_;
  std::int64_t dim_;
  std::int64_t masks_;
  DecoderConstants constants_;
  ExportBuilder b_;
  OnnxDim prompts_ = std::string("prompts");
  OnnxDim points_ = std::string("points");
};

}  // namespace

BuiltOnnx export_decoder(const SamCheckpoint& checkpoint, const DecoderExport& options) {
  LASSO_CHECK(options.postprocess || !options.extra_metrics, ErrorCode::kInvalidArgument,
              "extra metrics are of masks at the picture's size, which only postprocessing gives");
  return DecoderExporter(checkpoint, options).run();
}

}  // namespace lasso::sam
