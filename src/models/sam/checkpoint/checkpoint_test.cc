#include "models/sam/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/convert.h"
#include "core/log.h"
#include "formats/checkpoint.h"
#include "formats/safetensors/safetensors_writer.h"
#include "models/sam/checkpoint/families.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_sam.h"
#include "support/tensors.h"

namespace lasso::sam {
namespace {

using test::data_path;
using test::golden_path;
using test::zeros;

constexpr auto kCorrupt = ErrorCode::kCorruptFile;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

const std::string& micro_path() {
  static const std::string path = data_path("sam_micro/checkpoint.pth");
  return path;
}

// The micro model's tensors under names that `rename` makes; an empty name leaves a tensor out.
template <typename F>
Weights renamed(F&& rename) {
  const Weights weights = read_checkpoint(micro_path());
  Weights result("renamed");
  for (const auto& [name, tensor] : weights.tensors()) {
    const std::string to = rename(name);
    if (!to.empty()) result.add(to, tensor);
  }
  return result;
}

TEST(SamCheckpoint, HasExactlyTheExpectedTensors) {
  const SamCheckpoint checkpoint = load_sam_checkpoint(micro_path());
  const auto expected = expected_tensors(checkpoint.config);
  EXPECT_EQ(checkpoint.weights.size(), expected.size());
  for (const ExpectedTensor& tensor : expected) {
    EXPECT_EQ(checkpoint.weights.at(tensor.name).dims, tensor.dims) << tensor.name;
  }
}

TEST(SamCheckpoint, LooksThroughPrefixes) {
  const std::string fingerprint = load_sam_checkpoint(micro_path()).weights.fingerprint();
  for (const char* prefix :
       {"module.", "sam.", "model.", "state_dict.model.", "model.module._orig_mod.sam."}) {
    const Weights weights = renamed([&](const std::string& name) { return prefix + name; });
    EXPECT_EQ(make_sam_checkpoint(weights).weights.fingerprint(), fingerprint) << prefix;
  }
}

TEST(SamCheckpoint, LooksPastOptimizersAveragesAndConstants) {
  const std::string fingerprint = load_sam_checkpoint(micro_path()).weights.fingerprint();
  Weights weights = renamed([](const std::string& name) { return "model." + name; });
  const Weights micro = read_checkpoint(micro_path());
  for (const auto& [name, tensor] : micro.tensors()) weights.add("ema." + name, tensor);
  weights.set("optimizer.exp_avg", zeros({3}));
  weights.set("model.pixel_mean", zeros({3, 1, 1}));
  weights.set("model.pixel_std", zeros({3, 1, 1}));
  EXPECT_EQ(make_sam_checkpoint(weights).weights.fingerprint(), fingerprint);
  // Only an average is there: it is the model.
  const Weights average = renamed([](const std::string& name) { return "model_ema." + name; });
  EXPECT_EQ(make_sam_checkpoint(average).weights.fingerprint(), fingerprint);
}

TEST(SamCheckpoint, LooksThroughWrappersAtAnyDepth) {
  const std::string fingerprint = load_sam_checkpoint(micro_path()).weights.fingerprint();
  for (const char* wrapper :
       {"module", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}) {
    const Weights weights = renamed([&](const std::string& name) {
      std::string result = std::string("model.") + wrapper + '.' + name;
      for (const char* part : {".blocks.0.", ".attn.", ".layers."}) {
        const std::size_t at = result.find(part);
        if (at != result.npos) {
          result.insert(at + std::string(part).size(), std::string(wrapper) + ".module.");
        }
      }
      return result;
    });
    EXPECT_EQ(make_sam_checkpoint(weights).weights.fingerprint(), fingerprint) << wrapper;
  }
  EXPECT_EQ(unwrapped("module._orig_mod.a.module.b"), "a.b");
  EXPECT_EQ(unwrapped("my_module.a.module"), "my_module.a.module");
  // Two names that are one without wrappers.
  Weights twice = read_checkpoint(micro_path());
  twice.add("module.image_encoder.pos_embed", twice.at("image_encoder.pos_embed"));
  EXPECT_ERROR(make_sam_checkpoint(twice), kCorrupt,
               "image_encoder.pos_embed and module.image_encoder.pos_embed are both");
}

TEST(SamCheckpoint, LeavesOutWhatStandsBesideTheModel) {
  const std::string fingerprint = load_sam_checkpoint(micro_path()).weights.fingerprint();
  const Weights micro = read_checkpoint(micro_path());
  for (const std::string prefix : {"", "model."}) {
    Weights weights = renamed([&](const std::string& name) { return prefix + name; });
    weights.set(prefix + "best_loss", zeros({}));
    weights.set(prefix + "class_head.weight", zeros({5, 64}));
    weights.set(prefix + "class_head.lora_A.weight", zeros({5, 64}));
    weights.add_other(prefix + "epoch", {"a number"});
    weights.add_other(prefix + "scales", {"a tensor of F8_E4M3"});
    // Another decoder's state: not a whole model.
    for (const auto& [name, tensor] : micro.tensors()) {
      if (name.starts_with("mask_decoder.")) weights.add("second." + name, tensor);
    }
    std::string listed;
    set_log_callback([&](LogLevel level, const std::string& text) {
      if (level == LogLevel::kInfo) listed += text;
    });
    EXPECT_EQ(make_sam_checkpoint(weights).weights.fingerprint(), fingerprint) << prefix;
    set_log_callback({});
    for (const char* name : {"best_loss ([])", "class_head.weight ([5, 64])", "epoch (a number)",
                             "scales (a tensor of F8_E4M3)"}) {
      EXPECT_NE(listed.find(prefix + name), std::string::npos) << listed;
    }
  }
}

TEST(SamCheckpoint, RefusesTwoModels) {
  const Weights micro = read_checkpoint(micro_path());
  const auto both = [&](const std::string& a, const std::string& b) {
    Weights weights("both");
    for (const auto& [name, tensor] : micro.tensors()) {
      weights.add(a + name, tensor);
      weights.add(b + name, tensor);
    }
    return weights;
  };
  EXPECT_ERROR(make_sam_checkpoint(both("model.", "best_model.")), kUnsupported,
               "two whole models, under \"model.\" and \"best_model.\"");
  // Words of a prefix tell an average, not letters in it.
  EXPECT_ERROR(make_sam_checkpoint(both("schema_net.", "")), kUnsupported, "two whole models");
  for (const char* average : {"ema.", "model_ema.", "modelEMA.", "EMAModel.", "ema0.", "ema-0.999.",
                              "Teacher.", "swa_model.", "averaged_model."}) {
    EXPECT_NO_THROW(make_sam_checkpoint(both("schema_net.", average))) << average;
  }
}

// FSDP and torch.distributed.checkpoint keep an optimizer's state by the names of parameters.
TEST(SamCheckpoint, LooksPastStatesUnderTheNamesOfParameters) {
  const Weights micro = read_checkpoint(micro_path());
  Weights weights("states");
  for (const auto& [name, tensor] : micro.tensors()) {
    weights.add("model." + name, tensor);
    weights.add("optim.state." + name + ".exp_avg", tensor);
    weights.add("optim.state." + name + ".step", tensor);
  }
  EXPECT_EQ(make_sam_checkpoint(weights).weights.fingerprint(), micro.fingerprint());
}

TEST(SamCheckpoint, NamesWhatStandsInPlaceOfATensor) {
  Weights weights = renamed(
      [](const std::string& name) { return name == "image_encoder.neck.1.bias" ? "" : name; });
  weights.add_other("image_encoder.neck.1.bias", {"an object of class a.B", "clause", false});
  weights.add_other("mask_decoder.loss", {"a number"});
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt,
               "image_encoder.neck.1.bias is an object of class a.B where a plain tensor");
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt,
               "mask_decoder.loss (a number) is not one of SAM's");
}

// float64 is rounded to float32, as load_state_dict() does.
TEST(SamCheckpoint, ConvertsDoubles) {
  const SamCheckpoint micro = load_sam_checkpoint(micro_path());
  Weights doubles = micro.weights;
  const std::string name = "image_encoder.neck.1.weight";
  const Tensor single = micro.weights.dense(name);
  auto values = std::make_shared<std::vector<double>>(64);
  for (std::size_t i = 0; i < 64; ++i) {
    (*values)[i] = double{single.view().as<float>()[i]} + 1e-12;
  }
  doubles.set(
      name,
      Tensor{DType::kF64, {64}, std::shared_ptr<const void>(values, values->data()), nullptr});
  const SamCheckpoint checkpoint = make_sam_checkpoint(doubles);
  const std::vector<float> read = read_f32(checkpoint.weights.dense(name).view());
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(read[i], single.view().as<float>()[i]);
}

// Hugging Face's folder: its config.json states what shapes do not tell.
TEST(SamCheckpoint, FindsTheConfigurationOfAFolder) {
  const test::TempDir dir;
  EXPECT_EQ(folder_config(dir / ""), "");
  test::write_bytes(dir / "config.json", R"({"architectures": ["Other"]})");
  EXPECT_EQ(folder_config(dir / ""), "");
  test::write_bytes(dir / "config.json", R"({"model_type": "sam", "vision_config": {}})");
  EXPECT_EQ(std::filesystem::path(folder_config(dir / "")), dir / "config.json");
}

TEST(SamCheckpoint, ReadsHuggingFacesNames) {
  const std::string path = golden_path("sam_hf_micro/model.safetensors");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const SamCheckpoint checkpoint = load_sam_checkpoint(path);
  EXPECT_EQ(checkpoint.weights.size(), 188U);
  EXPECT_EQ(checkpoint.config.num_heads, 1);
  EXPECT_EQ(checkpoint.config.depth, 3);
  EXPECT_EQ(checkpoint.config.global_blocks, std::vector<int>{1});
  EXPECT_FLOAT_EQ(checkpoint.config.decoder_norm_eps, 1e-6F);
  // Its own config.json agrees with what is inferred.
  const SamCheckpoint stated = load_sam_checkpoint(path, golden_path("sam_hf_micro/config.json"));
  EXPECT_EQ(stated.config, checkpoint.config);

  // Older transformers store the positional matrix twice, under two names.
  Weights twice = read_checkpoint(path);
  const std::string copy = "prompt_encoder.shared_embedding.positional_embedding";
  twice.add(copy, twice.at("shared_image_embedding.positional_embedding"));
  EXPECT_EQ(make_sam_checkpoint(twice).weights.fingerprint(), checkpoint.weights.fingerprint());
  twice.set(copy, zeros({2, 32}));
  EXPECT_ERROR(make_sam_checkpoint(twice), kCorrupt, "are the same parameter, and differ");
}

TEST(SamCheckpoint, TranslatesHuggingFacesMlps) {
  const std::string head = "mask_decoder.iou_prediction_head.";
  const MlpDepths depths = hugging_face_mlp_depths(
      {head + "layers.0.bias", head + "layers.1.bias", head + "proj_in.bias"});
  EXPECT_EQ(depths.iou_head, 4);
  EXPECT_EQ(depths.hypernetworks, 2);
  EXPECT_EQ(meta_name(head + "proj_in.bias", depths), head + "layers.0.bias");
  EXPECT_EQ(meta_name(head + "layers.1.bias", depths), head + "layers.2.bias");
  EXPECT_EQ(meta_name(head + "proj_out.bias", depths), head + "layers.3.bias");
  EXPECT_EQ(meta_name("vision_encoder.layers.10.layer_norm2.weight", depths),
            "image_encoder.blocks.10.norm2.weight");
  EXPECT_EQ(meta_name("mask_decoder.transformer.layers.1.layer_norm4.bias", depths),
            "mask_decoder.transformer.layers.1.norm4.bias");
}

TEST(SamCheckpoint, NamesMissingTensors) {
  const Weights weights = renamed([](const std::string& name) {
    return name == "image_encoder.blocks.2.mlp.lin1.bias" ? "" : name;
  });
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt,
               "image_encoder.blocks.2.mlp.lin1.bias [256] is missing");
}

TEST(SamCheckpoint, NamesSurplusTensors) {
  Weights weights = read_checkpoint(micro_path());
  weights.set("mask_decoder.extra\nline", zeros({2, 3}));
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt,
               "mask_decoder.extra\\x0aline [2, 3] is not one of SAM's");
}

TEST(SamCheckpoint, NamesMisshapenTensors) {
  Weights weights = read_checkpoint(micro_path());
  weights.set("image_encoder.neck.3.bias", zeros({65}));
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt,
               "image_encoder.neck.3.bias has shape [65] where [64] is expected");
  Weights integers = read_checkpoint(micro_path());
  integers.set("image_encoder.neck.3.bias", make_tensor({64}, std::vector<std::int32_t>(64)));
  EXPECT_ERROR(
      make_sam_checkpoint(integers), kCorrupt,
      "has elements of type int32 where float32, float16, bfloat16 or float64 is expected");
}

TEST(SamCheckpoint, NamesFiveProblemsAndCountsTheRest) {
  const Weights weights = renamed([](const std::string& name) {
    return name.find("mask_decoder.transformer.layers.1.") == 0 && name.find("bias") != name.npos
               ? ""
               : name;
  });
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt, "18 of its tensors are not those of SAM");
  EXPECT_ERROR(make_sam_checkpoint(weights), kCorrupt, "; and 13 more");
}

TEST(SamCheckpoint, RecognisesOtherFamilies) {
  const auto check = [](const std::vector<std::string>& extra, const std::string& part) {
    Weights weights("other");
    for (const std::string& name : extra) weights.set(name, zeros({1}));
    EXPECT_ERROR(make_sam_checkpoint(weights), kUnsupported, part);
  };
  check({"image_encoder.pos_embed", "mask_decoder.hf_token.weight"}, "HQ-SAM");
  check({"model.image_encoder.patch_embed.seq.0.c.weight"}, "MobileSAM");
  check({"image_encoder.features.0.0.c.weight"}, "EdgeSAM");
  check({"image_encoder.trunk.pos_embed", "sam_mask_decoder.x"}, "SAM 2");
  check({"image_encoder.backbone.stem.0.weight"}, "EfficientViT-SAM");
  check({"base_model.model.vision_encoder.layers.0.attn.qkv.lora_A.weight"}, "LoRA");
  check({"w_a_000", "w_b_000"}, "LoRA");
  check({"image_encoder.blocks.0.Adapter.channel.0.weight"}, "adapter layers");
  check({"model.0.conv.weight", "model.24.m.0.weight"}, "YOLO");
  check({"model.model.0.conv.weight"}, "YOLO");
  check({"conv1.weight", "fc.bias"}, "none of its 2 tensors has one of SAM's names");
}

TEST(SamCheckpoint, InterpolatesTablesWhenTold) {
  const test::TempDir dir;
  Weights weights = read_checkpoint(micro_path());
  // A table of 2 rows, [0..31] and [10..41], stretched to 31 rows.
  std::vector<float> rows(64);
  for (std::size_t i = 0; i < 32; ++i) rows[i] = static_cast<float>(i);
  for (std::size_t i = 0; i < 32; ++i) rows[32 + i] = static_cast<float>(i) + 10;
  weights.set("image_encoder.blocks.1.attn.rel_pos_h", make_tensor({2, 32}, rows));
  EXPECT_ERROR(make_sam_checkpoint(weights), kUnsupported, "--config");
  const auto stated =
      parse_config_override(R"({"window_size": 14, "global_blocks": [1, 3]})", "c.json");
  const SamCheckpoint checkpoint = make_sam_checkpoint(weights, stated);
  const Tensor table = checkpoint.weights.dense("image_encoder.blocks.1.attn.rel_pos_h");
  ASSERT_EQ(table.dims, (Dims{31, 32}));
  for (int r = 0; r < 31; ++r) {
    // Half-pixel centres; edges repeat.
    const float position = std::clamp((static_cast<float>(r) + 0.5F) * 2 / 31 - 0.5F, 0.0F, 1.0F);
    EXPECT_NEAR(table.view().as<float>()[r * 32 + 3], 3 + 10 * position, 1e-5) << r;
  }
  // A table that would grow out of all proportion is left to the check of shapes.
  weights.set("image_encoder.blocks.1.attn.rel_pos_h",
              make_tensor({1, 32}, std::vector<float>(32)));
  EXPECT_ERROR(make_sam_checkpoint(weights, stated), kCorrupt, "has shape [1, 32]");
}

TEST(SamCheckpoint, RefusesExpandedTensors) {
  Weights weights = read_checkpoint(micro_path());
  WeightTensor tensor = weights.at("image_encoder.blocks.0.mlp.lin1.bias");
  tensor.strides = {0};
  tensor.storage_bytes = 4;
  Weights changed("changed");
  for (const auto& [name, t] : weights.tensors()) {
    changed.add(name, name == "image_encoder.blocks.0.mlp.lin1.bias" ? tensor : t);
  }
  EXPECT_ERROR(make_sam_checkpoint(changed), kCorrupt, "expanded view of 4 bytes");
}

TEST(SamCheckpoint, SameModelSameFingerprintInAnyFormat) {
  const test::TempDir dir;
  const SamCheckpoint micro = load_sam_checkpoint(micro_path());
  std::vector<Tensor> tensors;
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : micro.weights.tensors()) {
    tensors.push_back(micro.weights.dense(name));
    views[name] = tensors.back().view();
  }
  write_safetensors(dir / "micro.safetensors", views);
  EXPECT_EQ(load_sam_checkpoint(dir / "micro.safetensors").weights.fingerprint(),
            micro.weights.fingerprint());
}

TEST(RandomWeights, MakeAModelThatValidates) {
  SamConfig config = load_sam_checkpoint(micro_path()).config;
  const Weights weights = random_weights(config, 5);
  EXPECT_EQ(make_sam_checkpoint(weights).config, config);
  EXPECT_EQ(weights.fingerprint(), random_weights(config, 5).fingerprint());
  EXPECT_NE(weights.fingerprint(), random_weights(config, 6).fingerprint());
}

// The same weights in every release: figures of random:vit_b are compared from one to the next.
TEST(RandomWeights, AreTheSameForEver) {
  EXPECT_EQ(random_weights(test::small_sam(), 1).fingerprint(), "868e7a5b4a110aa575376d61e9d0aede");
  Weights large("a tensor that several threads fill");
  const ExpectedTensor qkv{"image_encoder.blocks.0.attn.qkv.weight", {2304, 768}};
  large.set(qkv.name, random_tensor(qkv, 1));
  EXPECT_EQ(large.fingerprint(), "1333673a78b3c7ae1fe0f0c14f2cb847");
}

TEST(RandomWeights, HaveTheStatedDistribution) {
  const Tensor tensor = random_tensor({"image_encoder.blocks.0.mlp.lin1.weight", {512, 400}}, 3);
  const float* v = tensor.view().as<float>();
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 512 * 400;
  for (int i = 0; i < kCount; ++i) {
    sum += v[i];
    squares += double{v[i]} * v[i];
  }
  const double deviation = 1 / std::sqrt(400.0);
  // Three standard errors of the mean, and of the deviation (sigma / sqrt(2n)).
  EXPECT_NEAR(sum / kCount, 0, 3 * deviation / std::sqrt(kCount));
  EXPECT_NEAR(std::sqrt(squares / kCount), deviation, 3 * deviation / std::sqrt(2.0 * kCount));
}

}  // namespace
}  // namespace lasso::sam
