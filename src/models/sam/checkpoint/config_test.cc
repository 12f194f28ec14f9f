#include "models/sam/checkpoint/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/checkpoint/config_fields.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso::sam {
namespace {

using test::data_path;
using test::golden_path;

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

// Shapes without memory behind them: what inference looks at, and no more.
Weights shapes_of(const SamConfig& config) {
  Weights weights("shapes");
  for (const ExpectedTensor& expected : expected_tensors(config)) {
    WeightTensor tensor;
    tensor.dims = expected.dims;
    tensor.strides = dense_strides(expected.dims);
    tensor.storage_bytes = tensor.dense_bytes();
    weights.add(expected.name, tensor);
  }
  return weights;
}

SamConfig small() {
  SamConfig config;
  config.image_size = 128;
  config.embed_dim = 48;
  config.depth = 3;
  config.num_heads = 3;
  config.head_dim = 16;
  config.mlp_dim = 100;
  config.window_size = 5;
  config.global_blocks = std::vector<int>{1};
  config.prompt_dim = 32;
  config.decoder_mlp_dim = 40;
  config.iou_head_hidden = 24;
  config.iou_head_depth = 4;
  config.mask_in_chans = 8;
  config.num_multimask_outputs = 2;
  config.decoder_depth = 1;
  return config;
}

void set_rows(Weights* weights, int block, std::int64_t rows) {
  for (const char* axis : {"h", "w"}) {
    const std::string name = fmt::format("image_encoder.blocks.{}.attn.rel_pos_{}", block, axis);
    const std::int64_t width = weights->at(name).dims[1];
    weights->set(name, make_tensor({rows, width},
                                   std::vector<float>(static_cast<std::size_t>(rows * width))));
  }
}

TEST(SamConfig, KnowsThePublishedModels) {
  // Parameters as PyTorch counts them, and the 256 numbers of the positional encoding's buffer.
  EXPECT_EQ(parameter_count(vit_b()), 93'735'472 + 256);
  EXPECT_EQ(parameter_count(vit_l()), 312'342'832 + 256);
  EXPECT_EQ(parameter_count(vit_h()), 641'090'608 + 256);
  EXPECT_EQ(model_name(vit_b()), "SAM ViT-B");
  EXPECT_EQ(model_name(vit_l()), "SAM ViT-L");
  EXPECT_EQ(model_name(vit_h()), "SAM ViT-H");
  EXPECT_EQ(model_name(small()), "SAM (width 48, depth 3)");
}

TEST(SamConfig, IsInferredFromShapes) {
  for (const SamConfig& config : {vit_b(), vit_l(), vit_h(), small()}) {
    EXPECT_EQ(infer_config(shapes_of(config)), config) << model_name(config);
  }
}

TEST(SamConfig, IsInferredWithoutWindows) {
  SamConfig config = small();
  config.global_blocks = {0, 1, 2};
  config.window_size = 0;
  EXPECT_EQ(infer_config(shapes_of(config)), config);
}

TEST(SamConfig, WindowsMayBeLargerThanTheGrid) {
  SamConfig config = small();  // a grid of 8
  config.window_size = 14;
  EXPECT_EQ(infer_config(shapes_of(config)), config);
}

TEST(SamConfig, IsReadOffReferenceCheckpoints) {
  struct Reference {
    const char* name;
    int image_size, embed_dim, depth, heads, prompt_dim, mlp_dim;
    std::vector<int> global_blocks;
  };
  for (const Reference& r : {Reference{"sam_micro", 256, 64, 4, 2, 64, 128, {1, 3}},
                             Reference{"sam_1024", 1024, 128, 2, 2, 64, 128, {1}},
                             Reference{"sam_h80", 256, 160, 2, 2, 128, 256, {1}}}) {
    const std::string file = std::string(r.name) + "/checkpoint.pth";
    const std::string path =
        std::string(r.name) == "sam_micro" ? data_path(file) : golden_path(file);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
    const SamConfig config = load_sam_checkpoint(path).config;
    EXPECT_EQ(config.image_size, r.image_size);
    EXPECT_EQ(config.embed_dim, r.embed_dim);
    EXPECT_EQ(config.depth, r.depth);
    EXPECT_EQ(config.num_heads, r.heads);
    EXPECT_EQ(config.prompt_dim, r.prompt_dim);
    EXPECT_EQ(config.decoder_mlp_dim, r.mlp_dim);
    EXPECT_EQ(config.global_blocks, r.global_blocks);
    EXPECT_EQ(config.window_size, 14);
  }
}

TEST(SamConfig, AsksForWhatShapesDoNotTell) {
  SamConfig config = small();
  config.rel_pos = false;
  const Weights weights = shapes_of(config);
  EXPECT_ERROR(infer_config(weights), ErrorCode::kUnsupported, "--config");
  const auto stated = parse_config_override(
      R"({"num_heads": 3, "window_size": 5, "global_blocks": [1]})", "c.json");
  EXPECT_EQ(infer_config(weights, stated), config);
  EXPECT_ERROR(
      infer_config(weights,
                   parse_config_override(
                       R"({"num_heads": 5, "window_size": 5, "global_blocks": []})", "c.json")),
      kCorrupt, "num_heads 5 does not divide embed_dim 48");
}

TEST(SamConfig, AsksAboutTablesOfOtherLengths) {
  const SamConfig config = small();
  Weights weights = shapes_of(config);
  set_rows(&weights, 1, 63);  // a table made for a grid of 32
  EXPECT_ERROR(infer_config(weights), ErrorCode::kUnsupported,
               "blocks.1.attn.rel_pos_h has 63 rows");
  set_rows(&weights, 1, 8);
  EXPECT_ERROR(infer_config(weights), ErrorCode::kUnsupported, "has 8 rows");
  Weights all = shapes_of(config);
  for (int i = 0; i < 3; ++i) set_rows(&all, i, 63);
  EXPECT_ERROR(infer_config(all), ErrorCode::kUnsupported, "has 63 rows");
  const auto stated =
      parse_config_override(R"({"window_size": 5, "global_blocks": [1]})", "c.json");
  EXPECT_EQ(infer_config(weights, stated), config);
}

TEST(SamConfig, StatedFieldsMustAgreeWithShapes) {
  const Weights weights = shapes_of(small());
  const auto with = [&](const std::string& json) {
    return infer_config(weights, parse_config_override(json, "c.json"));
  };
  EXPECT_EQ(with(R"({"depth": 3, "embed_dim": 48})"), small());
  EXPECT_ERROR(with(R"({"depth": 4})"), ErrorCode::kInvalidArgument,
               "the configuration says depth 4, and the tensors' shapes say 3");
  EXPECT_ERROR(with(R"({"image_size": 1024})"), ErrorCode::kUnsupported, "pos_embed");
  EXPECT_EQ(with(R"({"decoder_heads": 4})").decoder_heads, 4);
  EXPECT_ERROR(with(R"({"decoder_heads": 7})"), kCorrupt, "7 heads");
  EXPECT_FLOAT_EQ(with(R"({"decoder_norm_eps": 0.5})").decoder_norm_eps, 0.5F);
}

TEST(SamConfig, NamesTensorsThatContradict) {
  const auto without = [](const std::string& name) {
    const Weights all = shapes_of(small());
    Weights weights("shapes");
    for (const auto& [n, tensor] : all.tensors()) {
      if (n != name) weights.add(n, tensor);
    }
    return weights;
  };
  for (const char* name :
       {"image_encoder.patch_embed.proj.weight", "image_encoder.pos_embed",
        "image_encoder.neck.0.weight", "mask_decoder.mask_tokens.weight",
        "image_encoder.blocks.2.attn.rel_pos_h", "prompt_encoder.mask_downscaling.3.weight"}) {
    EXPECT_ERROR(infer_config(without(name)), kCorrupt,
                 std::string("tensor ") + name + " is missing");
  }
  const auto reshaped = [](const std::string& name, Dims dims) {
    Weights weights = shapes_of(small());
    Weights result("shapes");
    for (auto [n, tensor] : weights.tensors()) {
      if (n == name) tensor.dims = tensor.strides = dims;
      result.add(n, tensor);
    }
    return result;
  };
  EXPECT_ERROR(infer_config(reshaped("image_encoder.pos_embed", {1, 8, 9, 48})), kCorrupt,
               "a square grid");
  EXPECT_ERROR(infer_config(reshaped("image_encoder.pos_embed", {8, 48})), kCorrupt,
               "has shape [8, 48], and [1, grid, grid, embed_dim] was expected");
  constexpr std::int64_t kHuge = std::int64_t{1} << 40U;
  const Weights all = shapes_of(small());
  for (const std::string& name : all.names()) {
    Dims dims = all.at(name).dims;
    for (std::int64_t& dim : dims) dim = kHuge;
    // Whatever is read off an absurd shape is refused; the others are left to the comparison.
    const auto error = test::error_of([&] { infer_config(reshaped(name, dims)); });
    EXPECT_TRUE(!error || error->code() == kCorrupt) << name;
  }
}

TEST(SamConfig, ReadsItsOwnJson) {
  const SamConfig config = small();
  const SamConfigOverride stated = parse_config_override(to_json(config), "c.json");
  EXPECT_EQ(infer_config(shapes_of(config), stated), config);
  EXPECT_FALSE(stated.empty());
  EXPECT_TRUE(parse_config_override("{}", "c.json").empty());
}

// An engine file may state any number; products of fields must not leave their type before they
// are refused.
TEST(SamConfig, EveryFieldHasLimits) {
  for (const IntegerField& field : kIntegerFields) {
    for (const int value : {std::numeric_limits<int>::max(), std::numeric_limits<int>::min(), -1}) {
      SamConfig config = small();
      config.*field.member = value;
      EXPECT_ERROR(check_config(config, "meta.config"), kCorrupt,
                   fmt::format("meta.config: {} is {}, ", field.name, value));
    }
  }
}

TEST(SamConfig, ReadsHuggingFacesJson) {
  const std::string json = R"({"model_type": "sam", "vision_config": {"num_attention_heads": 3,
      "window_size": 5, "global_attn_indexes": [1], "mlp_dim": null, "use_rel_pos": false},
      "mask_decoder_config": {"num_hidden_layers": 1}})";
  SamConfig config = small();
  config.rel_pos = false;
  EXPECT_EQ(infer_config(shapes_of(config), parse_config_override(json, "config.json")), config);
  EXPECT_ERROR(parse_config_override(R"({"model_type": "sam2", "vision_config": {}})", "c.json"),
               ErrorCode::kUnsupported, "sam2");
}

TEST(SamConfig, RefusesBadJson) {
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  EXPECT_ERROR(parse_config_override("{", "c.json"), kCorrupt, "c.json: not JSON");
  EXPECT_ERROR(parse_config_override(std::string(100000, '['), "c.json"), kCorrupt, "not JSON");
  EXPECT_ERROR(parse_config_override("[]", "c.json"), kInvalid, "a JSON object");
  EXPECT_ERROR(parse_config_override(R"({"dept": 4})", "c.json"), kInvalid, "unknown key dept");
  EXPECT_ERROR(parse_config_override(R"({"depth": "4"})", "c.json"), kInvalid, "an integer");
  EXPECT_ERROR(parse_config_override(R"({"depth": 1e99})", "c.json"), kInvalid, "an integer");
  EXPECT_ERROR(parse_config_override(R"({"depth": -1})", "c.json"), kInvalid, "an integer");
  EXPECT_ERROR(parse_config_override(R"({"global_blocks": 1})", "c.json"), kInvalid, "a list");
  EXPECT_ERROR(read_config_override("/nowhere.json"), ErrorCode::kNotFound, "nowhere.json");
}

}  // namespace
}  // namespace lasso::sam
