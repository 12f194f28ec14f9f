// Architectures that no published checkpoint has: the fast kernels against the reference kernels,
// so that nothing is tied to the sizes of the reference data.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/test_target.h"
#include "core/random.h"
#include "core/threads.h"
#include "models/sam/model.h"
#include "models/sam/run/predictor.h"
#include "support/allocation_counter.h"
#include "support/embedding_values.h"

namespace lasso::sam {
namespace {

struct Architecture {
  const char* name;
  int image_size, patch, width, heads, depth, window;
  std::vector<int> global;
  int mlp, prompt, decoder_mlp;
};

SamConfig config_of(const Architecture& a) {
  SamConfig config;
  config.image_size = a.image_size;
  config.patch_size = a.patch;
  config.embed_dim = a.width;
  config.num_heads = a.heads;
  config.head_dim = a.width / a.heads;
  config.depth = a.depth;
  config.window_size = a.window;
  config.global_blocks = a.global;
  config.mlp_dim = a.mlp;
  config.prompt_dim = a.prompt;
  config.decoder_mlp_dim = a.decoder_mlp;
  config.iou_head_hidden = a.prompt;
  return config;
}

std::shared_ptr<const SamModel> model_of(const SamConfig& config, bool reference) {
  engine::CompileOptions options;
  options.reference = reference;
  options.target = backend::test_target(2);
  return std::make_shared<const SamModel>(
      compile_model({config, random_weights(config, 5)}, preprocess_preset("sam"), options));
}

Image noise(int width, int height) {
  Image image{width, height, PixelFormat::kRgb, {}};
  SplitMix64 random(3);
  for (int i = 0; i < width * height * 3; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  }
  return image;
}

double relative_error(const float* values, const float* expected, std::size_t count) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < count; ++i) {
    difference += std::pow(double{values[i]} - expected[i], 2);
    norm += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

class ArchitectureTest : public testing::TestWithParam<Architecture> {};

TEST_P(ArchitectureTest, FastKernelsMatchTheReference) {
  const SamConfig config = config_of(GetParam());
  Predictor fast(model_of(config, false), 2);
  Predictor reference(model_of(config, true), 2);
  const Image image = noise(97, 61);
  const Embedding embedding = fast.encode(image.view());
  const Embedding expected = reference.encode(image.view());
  EXPECT_LE(relative_error(test::values_of(embedding).data(), test::values_of(expected).data(),
                           expected.size()),
            1e-5);

  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  Prompt box;
  box.box = Box{10, 5, 60, 50};
  Prompt clicks;
  clicks.points = {{30, 20, PointLabel::kForeground}, {5, 50, PointLabel::kBackground}};
  Prompt refined = clicks;
  refined.mask_input.assign(side * side, -1.5F);
  for (std::size_t i = 0; i < side * side / 2; ++i) refined.mask_input[i] = 3.0F;
  std::vector<Prompt> prompts{box, clicks, refined, box};
  const SegmentOptions options;
  for (const bool multimask : {false, true}) {
    for (Prompt& prompt : prompts) prompt.multimask = multimask;
    std::vector<Segmentation> got(prompts.size());
    std::vector<Segmentation> want(prompts.size());
    std::vector<float> iou;
    std::vector<float> expected_iou;
    fast.segment(expected, prompts.data(), prompts.size(), options, got.data());
    reference.segment(expected, prompts.data(), prompts.size(), options, want.data());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      ASSERT_EQ(got[i].low_res_logits.size(), want[i].low_res_logits.size());
      EXPECT_LE(relative_error(got[i].low_res_logits.data(), want[i].low_res_logits.data(),
                               got[i].low_res_logits.size()),
                2e-5);
      iou.insert(iou.end(), got[i].iou_predictions.begin(), got[i].iou_predictions.end());
      expected_iou.insert(expected_iou.end(), want[i].iou_predictions.begin(),
                          want[i].iou_predictions.end());
      EXPECT_EQ(got[i].masks.size(), multimask ? 3U : 1U);
    }
    // Those of all prompts together: the terms of one may cancel each other to nearly zero.
    ASSERT_EQ(iou.size(), expected_iou.size());
    EXPECT_LE(relative_error(iou.data(), expected_iou.data(), iou.size()), 2e-5);
    // Prompts that go through the decoder together are answered as they are alone.
    Segmentation alone;
    fast.segment(expected, &prompts[3], 1, options, &alone);
    EXPECT_LE(relative_error(got[3].low_res_logits.data(), alone.low_res_logits.data(),
                             alone.low_res_logits.size()),
              1e-5);
  }
}

TEST_P(ArchitectureTest, CallsWithinTheWarmUpLimitsAllocateNothing) {
  Predictor predictor(model_of(config_of(GetParam()), false), 2);
  WarmUpLimits limits;
  limits.image_width = 97;
  limits.image_height = 61;
  limits.prompts = 9;
  limits.points = 8;
  limits.mask_input = true;
  // Whatever was asked for before.
  predictor.warm_up({});
  SegmentOptions bare;
  bare.masks = false;
  bare.low_res_logits = false;
  Prompt box;
  box.box = Box{0, 0, 1, 1};
  Segmentation without_masks;
  predictor.segment(predictor.encode(noise(2, 2).view()), &box, 1, bare, &without_masks);
  predictor.warm_up(limits);
  for (const auto& [width, height] : {std::pair{97, 61}, {61, 61}, {40, 61}, {3, 2}}) {
    const Image image = noise(width, height);
    const std::int64_t before_encode = test::allocation_count();
    const Embedding embedding = predictor.encode(image.view());
    // What is returned: the embedding, its values and the model's hash.
    EXPECT_LE(test::allocation_count() - before_encode, 3) << width << "x" << height;

    const auto side = static_cast<std::size_t>(embedding.low_res_side());
    std::vector<Prompt> prompts(9);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      prompts[i].points.assign(i % 7, {1, 1, PointLabel::kForeground});
      prompts[i].box = Box{0, 0, 2, 2};
      if (i % 2 == 0) prompts[i].mask_input.assign(side * side, 0.5F);
    }
    // Results have their memory already, as those of an earlier call have.
    std::vector<Segmentation> results(prompts.size());
    for (Segmentation& result : results) {
      result.masks.resize(1);
      result.masks[0].data.resize(image.pixels.size() / 3);
      result.iou_predictions.resize(1);
      result.low_res_logits.resize(side * side);
    }
    const std::int64_t before = test::allocation_count();
    predictor.segment(embedding, prompts.data(), prompts.size(), {}, results.data());
    EXPECT_EQ(test::allocation_count() - before, 0) << width << "x" << height;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ArchitectureTest,
    testing::Values(Architecture{"odd_grid", 208, 16, 72, 3, 3, 5, {1}, 200, 48, 56},
                    Architecture{"exact_windows", 128, 8, 96, 6, 2, 4, {0}, 384, 64, 100},
                    Architecture{"wide_heads", 160, 16, 256, 2, 2, 7, {1}, 320, 32, 64},
                    Architecture{"narrow_heads", 144, 16, 64, 8, 3, 3, {0, 2}, 100, 64, 40},
                    Architecture{"all_global", 112, 14, 40, 2, 2, 14, {0, 1}, 80, 32, 32}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lasso::sam
