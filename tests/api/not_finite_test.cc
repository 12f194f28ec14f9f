// Weights and results that are not finite.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "lasso/calibration.h"
#include "lasso/embedding.h"
#include "lasso/engine.h"
#include "lasso/runner.h"
#include "lasso/segmenter.h"
#include "support/capped.h"
#include "support/changed_micro.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kHuge = 3e38F;  // two of them are more than a float32 holds

constexpr char kPatchBias[] = "image_encoder.patch_embed.proj.bias";               // 64 values
constexpr char kNeckBias[] = "image_encoder.neck.1.bias";                          // 64
constexpr char kIouWeight[] = "mask_decoder.iou_prediction_head.layers.2.weight";  // 4 x 64

std::string hypernetwork(int mask) {
  return "mask_decoder.output_hypernetworks_mlps." + std::to_string(mask) + ".layers.2.weight";
}

class NotFinite : public testing::Test {
 protected:
  void expect_refused(const std::string& part) {
    micro_.write(path_);
    const EngineOptions options = test::capped();
    EXPECT_ERROR(Engine::build(path_, options), ErrorCode::kCorruptFile, part);
    EXPECT_ERROR(Engine::open(path_, options), ErrorCode::kCorruptFile, path_);
    const std::string file = folder_ / "a.lasso";
    EngineOptions bytes = options;
    bytes.precision = Precision::kInt8;
    EXPECT_ERROR(Engine::build_file(path_, file, bytes), ErrorCode::kCorruptFile, part);
    EXPECT_FALSE(std::filesystem::exists(file));
    bytes.precision = Precision::kAuto;
    EXPECT_ERROR(calibrate(path_, bytes, {}), ErrorCode::kCorruptFile, part);
  }

  Engine build() {
    micro_.write(path_);
    return Engine::build(path_, test::capped());
  }

  static const Image& image() {
    static const Image instance = [] {
      Image made{80, 60, PixelFormat::kRgb, std::vector<std::uint8_t>(80 * 60 * 3)};
      for (std::size_t i = 0; i < made.pixels.size(); ++i) {
        made.pixels[i] = static_cast<std::uint8_t>(i * 7 % 251);
      }
      return made;
    }();
    return instance;
  }

  static Prompt click(bool multimask) {
    Prompt prompt;
    prompt.points.push_back({30, 20, PointLabel::kForeground});
    prompt.multimask = multimask;
    return prompt;
  }

  test::TempDir folder_;
  const std::string path_ = folder_ / "micro.safetensors";
  test::ChangedMicro micro_;
};

TEST_F(NotFinite, OneWeightRefusesTheModelByName) {
  micro_.change(kPatchBias, [](std::vector<float>& values) { values[17] = kNan; });
  expect_refused(path_ +
                 ": 1 of its 202 tensors have values that are not finite: "
                 "image_encoder.patch_embed.proj.bias (1 of 64)");
}

TEST_F(NotFinite, ACopyInFloat16ThatOverflowed) {
  micro_.change(kNeckBias, [](std::vector<float>& values) { values[0] = values[63] = -70000; });
  micro_.round_to_f16(kNeckBias);
  expect_refused("image_encoder.neck.1.bias (2 of 64)");
}

TEST_F(NotFinite, TheFirstFiveTensorsAreNamedAndTheOthersCounted) {
  for (int i = 0; i < 4; ++i) micro_.fill(hypernetwork(i), kInf);
  micro_.fill(kNeckBias, kInf);
  micro_.fill("image_encoder.neck.3.bias", kInf);
  expect_refused(
      "6 of its 202 tensors have values that are not finite: image_encoder.neck.1.bias (64 of 64), "
      "image_encoder.neck.3.bias (64 of 64), "
      "mask_decoder.output_hypernetworks_mlps.0.layers.2.weight (512 of 512), "
      "mask_decoder.output_hypernetworks_mlps.1.layers.2.weight (512 of 512), "
      "mask_decoder.output_hypernetworks_mlps.2.layers.2.weight (512 of 512) and 1 more");
}

TEST_F(NotFinite, AnEmbeddingIsAnErrorWhereItArises) {
  micro_.fill(kPatchBias, kHuge);
  micro_.fill("image_encoder.pos_embed", kHuge);
  Segmenter segmenter(build(), {1});
  EXPECT_ERROR(segmenter.encode(image().view()), ErrorCode::kUnsupported,
               "the embedding has 16384 of 16384 values that are not finite: in fp32");
  EXPECT_ERROR(segmenter.encode(std::vector<ImageView>(6, image().view())), ErrorCode::kUnsupported,
               "image 0 of 6: its embedding has 16384 of 16384 values");
  segmenter.warm_up();  // makes memory ready, whatever the values are
}

TEST_F(NotFinite, PixelsAreTheCallersFault) {
  Segmenter segmenter(build(), {1});
  const int side = segmenter.engine().info().sam->image_size;
  std::vector<float> pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3);
  segmenter.encode_preprocessed(pixels.data(), side, side);
  pixels[5] = kNan;
  EXPECT_ERROR(segmenter.encode_preprocessed(pixels.data(), side, side),
               ErrorCode::kInvalidArgument, "1 of the 196608 values of the pixels are not finite");
}

TEST_F(NotFinite, PredictedIous) {
  micro_.fill(kIouWeight, kHuge);
  Segmenter segmenter(build(), {1});
  const Embedding embedding = segmenter.encode(image().view());
  EXPECT_ERROR(segmenter.segment(embedding, {click(true), click(false)}), ErrorCode::kUnsupported,
               "prompt 0: the predicted IoU has 3 of 3 values that are not finite: in fp32");
}

TEST_F(NotFinite, OnlyTheMasksThatAreAskedForCount) {
  micro_.fill(hypernetwork(2), kHuge);
  Segmenter segmenter(build(), {1});
  const Embedding embedding = segmenter.encode(image().view());
  EXPECT_EQ(segmenter.segment(embedding, click(false)).masks.size(), 1U);
  EXPECT_ERROR(segmenter.segment(embedding, {click(false), click(true)}), ErrorCode::kUnsupported,
               "prompt 1: the mask's logits");
  SegmentOptions options;
  options.masks = false;
  EXPECT_ERROR(segmenter.segment(embedding, click(true), options), ErrorCode::kUnsupported,
               "prompt 0: the mask's logits");
}

TEST_F(NotFinite, ARunnerReturnsWhatIsComputed) {
  micro_.fill(kPatchBias, kHuge);
  micro_.fill("image_encoder.pos_embed", kHuge);
  Runner runner(build(), {"image_encoder", 1});
  HostTensor pixels;
  pixels.type = ElementType::kFloat32;
  pixels.shape = {1, 256, 256, 3};
  pixels.bytes.resize(256 * 256 * 3 * sizeof(float));
  const auto outputs = runner.run({{"image", pixels.view()}});
  const auto* values = reinterpret_cast<const float*>(outputs.at("image_embeddings").bytes.data());
  EXPECT_NE(values[0], values[0]);
}

TEST_F(NotFinite, CalibrationNamesThePicture) {
  micro_.fill(kPatchBias, kHuge);
  micro_.fill("image_encoder.pos_embed", kHuge);
  micro_.write(path_);
  CalibrationOptions options;
  options.count = 4;
  options.images = {"a", "b", "c", "d"};
  options.read = [](const std::string& name) {
    Image one = image();
    one.pixels[0] = static_cast<std::uint8_t>(name[0]);
    return one;
  };
  EXPECT_ERROR(calibrate(path_, test::capped(), options), ErrorCode::kUnsupported,
               ": the embedding has 16384 of 16384 values that are not finite: in fp32");
}

}  // namespace
}  // namespace lasso
