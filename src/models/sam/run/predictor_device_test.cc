// A predictor on a device whose memory the host can't touch, which has no kernels for images and
// masks: embeddings and image tokens stay there, and what goes in and comes out is the host's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "graph/builder.h"
#include "image/random_picture.h"
#include "lasso/mask.h"
#include "models/sam/describe/describe.h"
#include "models/sam/run/predictor.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/mock_device.h"

namespace lasso::sam {
namespace {

using test::MockDevice;

std::shared_ptr<const SamModel> micro(std::shared_ptr<const backend::Device> device) {
  engine::CompileOptions options;
  options.target = backend::test_target(2);
  if (device != nullptr) {
    options.devices = std::make_shared<const backend::DeviceSet>(
        std::vector<std::shared_ptr<const backend::Device>>{std::move(device)});
  }
  return std::make_shared<const SamModel>(
      compile_model(load_sam_checkpoint(test::data_path("sam_micro/checkpoint.pth"), ""),
                    preprocess_preset("sam"), options));
}

std::vector<float> values_of(const Embedding& embedding) {
  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  return values;
}

// Boxes, points, candidates and masks as prompts, of several numbers of points.
std::vector<Prompt> prompts_of(const Embedding& embedding) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 21; ++i) {
    const auto at = static_cast<float>(10 + 5 * i);
    Prompt prompt;
    prompt.multimask = i % 4 == 1;
    if (i % 3 == 0) prompt.points = {{at, at, PointLabel::kForeground}};
    if (i % 3 != 0 || i % 2 == 0) prompt.box = Box{at, 8, at + 40, 70};
    if (i % 7 == 3) {
      const auto side = static_cast<std::size_t>(embedding.low_res_side());
      prompt.mask_input.assign(side * side, 0.5F);
    }
    prompts.push_back(prompt);
  }
  return prompts;
}

std::vector<Segmentation> answers_of(Predictor& predictor, const Embedding& embedding,
                                     const SegmentOptions& options = {}) {
  const std::vector<Prompt> prompts = prompts_of(embedding);
  std::vector<Segmentation> answers(prompts.size());
  predictor.segment(embedding, prompts.data(), prompts.size(), options, answers.data());
  return answers;
}

// Runs of other numbers of prompts sum in another order: logits of a few units agree to 1e-3.
void expect_close(const std::vector<Segmentation>& a, const std::vector<Segmentation>& b) {
  const auto close = [](const std::vector<float>& x, const std::vector<float>& y) {
    return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), [](float p, float q) {
             return std::abs(p - q) <= 1e-3F;
           });
  };
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(close(a[i].iou_predictions, b[i].iou_predictions)) << i;
    EXPECT_TRUE(close(a[i].low_res_logits, b[i].low_res_logits)) << i;
    ASSERT_EQ(a[i].masks.size(), b[i].masks.size());
    for (std::size_t m = 0; m < a[i].masks.size(); ++m) {
      EXPECT_GT(mask_iou(a[i].masks[m], b[i].masks[m]), 0.999) << i;
    }
  }
}

class PredictorDevice : public testing::Test {
 protected:
  PredictorDevice()
      : device_(MockDevice::make(backend::test_target(2))),
        here_(micro(nullptr), 2),
        there_(micro(device_), 2),
        picture_(random_picture(150, 90, 3)) {}

  std::shared_ptr<MockDevice> device_;
  Predictor here_;
  Predictor there_;
  Image picture_;
};

// A program in front of the encoder, and the encoder of another module: what goes from one to the
// next stays on the device, whose streams do their work late.
TEST_F(PredictorDevice, EncodersOfOtherModulesChain) {
  const std::shared_ptr<const SamModel> model = micro(device_);
  graph::Builder b("twice");
  const graph::ValueId image = b.input("image", DType::kF32, {1, 256, 256, 3});
  const graph::ValueId two = b.constant("two", make_tensor({1}, std::vector<float>{2}));
  const graph::ValueId half = b.constant("half", make_tensor({1}, std::vector<float>{0.5F}));
  using graph::Binary;
  using graph::BinaryKind;
  const graph::ValueId twice = b.add("twice", Binary{BinaryKind::kMul}, {image, two});
  b.output(b.add("unread", Binary{BinaryKind::kAdd}, {image, two}), "unread");
  b.output(b.add("once", Binary{BinaryKind::kMul}, {twice, half}), "once");
  graph::Module first;
  first.programs.push_back(b.finish());
  const auto module = engine::compile(std::move(first), model->module->options);
  const auto& programs = model->module->programs;
  std::size_t encoder = 0;
  while (programs.at(encoder).graph.name != kImageEncoder) ++encoder;
  const std::vector<EncoderStage> stages{{module, 0, {}, {0}}, {model->module, encoder, {1}, {1}}};
  Predictor chained(model, 2, stages);
  const std::vector<float> expected = values_of(there_.encode(picture_.view()));
  EXPECT_EQ(values_of(chained.encode(picture_.view())), expected);
  chained.warm_up({});
  EXPECT_EQ(values_of(chained.encode(picture_.view())), expected);
}

TEST_F(PredictorDevice, AnswersAsTheHostDoes) {
  const Embedding here = here_.encode(picture_.view());
  const Embedding there = there_.encode(picture_.view());
  expect_close(answers_of(there_, there), answers_of(here_, here));
  EXPECT_EQ(values_of(there), values_of(here));
  WarmUpLimits limits;
  limits.prompts = 3;
  limits.images = 3;
  limits.mask_input = true;
  there_.warm_up(limits);
  expect_close(answers_of(there_, there), answers_of(here_, here));
}

// All that calls within the limits run is recorded before they come, also by a second warm-up.
TEST_F(PredictorDevice, CallsAfterAWarmUpRecordNothing) {
  WarmUpLimits limits;
  there_.warm_up(limits);
  limits.prompts = 3;
  there_.warm_up(limits);
  const std::int64_t recordings = device_->counts().recordings;
#ifdef NDEBUG
  EXPECT_GE(recordings, 8);  // encoder, image tokens, decoders of 1, 2, 4 prompts with 1, 2 points
#else
  EXPECT_EQ(recordings, 0);  // memory is poisoned between the steps
#endif
  const Embedding embedding = there_.encode(picture_.view());
  std::vector<Prompt> prompts = prompts_of(embedding);
  prompts = {prompts[1], prompts[2], prompts[5], prompts[9]};
  for (const std::size_t count : {1, 3}) {
    std::vector<Segmentation> answers(count);
    there_.segment(embedding, prompts.data(), count, {}, answers.data());
  }
  EXPECT_EQ(device_->counts().recordings, recordings);
}

// A run that fails between its downloads writes nothing later, and the predictor goes on.
TEST_F(PredictorDevice, GoesOnAfterAFailure) {
  const Embedding embedding = there_.encode(picture_.view());
  device_->fail_download_after(1);
  EXPECT_THROW(answers_of(there_, embedding), Error);
  expect_close(answers_of(there_, embedding), answers_of(here_, here_.encode(picture_.view())));
}

TEST_F(PredictorDevice, ImagesAtATime) {
  std::vector<Image> pictures;
  std::vector<ImageView> views;
  for (int i = 0; i < 11; ++i) {
    pictures.push_back(random_picture(60 + 9 * i, 140 - 11 * i, static_cast<std::uint64_t>(i)));
  }
  for (const Image& picture : pictures) views.push_back(picture.view());
  const std::vector<Embedding> embeddings = there_.encode(views.data(), views.size());
  ASSERT_EQ(embeddings.size(), views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::vector<float> expected = values_of(here_.encode(views[i]));
    const std::vector<float> values = values_of(embeddings[i]);
    for (std::size_t k = 0; k < values.size(); ++k) ASSERT_NEAR(values[k], expected[k], 1e-3F);
    EXPECT_EQ(embeddings[i].image_width(), views[i].width);
  }
}

TEST_F(PredictorDevice, EmbeddingsOutliveTheirPredictorAndGoToTheHostAndBack) {
  const auto path = std::filesystem::temp_directory_path() / "lasso_device_embedding.safetensors";
  Embedding kept;
  {
    Predictor other(micro(device_), 2);
    kept = other.encode(picture_.view());
    other.encode(random_picture(40, 50, 9).view());
  }
  const std::vector<Segmentation> expected = answers_of(here_, here_.encode(picture_.view()));
  // Another engine of the same device takes it as it is, and the host a copy.
  expect_close(answers_of(there_, kept), expected);
  expect_close(answers_of(here_, kept), expected);
  kept.save(path.string());
  const Embedding loaded = Embedding::load(path.string());
  std::filesystem::remove(path);
  EXPECT_EQ(values_of(loaded), values_of(kept));
  expect_close(answers_of(there_, loaded), expected);
}

TEST_F(PredictorDevice, LogitsStayWhereNobodyAsksForThem) {
  SegmentOptions options;
  options.low_res_logits = false;
  for (Predictor* predictor : {&here_, &there_}) {
    const Embedding embedding = predictor->encode(picture_.view());
    std::vector<Segmentation> expected = answers_of(*predictor, embedding);
    for (Segmentation& answer : expected) answer.low_res_logits.clear();
    expect_close(answers_of(*predictor, embedding, options), expected);
  }
}

// A device of another name.
class OtherDevice final : public backend::Device {
 public:
  explicit OtherDevice(std::shared_ptr<const backend::Device> device)
      : device_(std::move(device)) {}
  const backend::TargetInfo& target() const override { return device_->target(); }
  std::string model() const override { return device_->model(); }
  std::string name() const override { return "other"; }
  bool is_host() const override { return false; }
  std::size_t alignment() const override { return device_->alignment(); }
  backend::Buffer allocate(std::size_t bytes) const override { return device_->allocate(bytes); }
  std::unique_ptr<backend::Stream> make_stream() const override { return device_->make_stream(); }

 private:
  std::shared_ptr<const backend::Device> device_;
};

TEST_F(PredictorDevice, AnotherDeviceRefusesAnEmbeddingByName) {
  Predictor other(micro(std::make_shared<OtherDevice>(device_)), 2);
  const Embedding embedding = there_.encode(picture_.view());
  Prompt prompt;
  prompt.box = Box{1, 2, 30, 40};
  Segmentation answer;
  EXPECT_ERROR(other.segment(embedding, &prompt, 1, {}, &answer), ErrorCode::kInvalidArgument,
               "the embedding lies on the device mock, and this engine runs on other");
}

}  // namespace
}  // namespace lasso::sam
