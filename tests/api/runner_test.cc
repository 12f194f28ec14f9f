// Named tensors through the programs of an engine, and NumPy's archives of them.
#include "lasso/runner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "lasso/segmenter.h"
#include "support/capped.h"
#include "support/embedding_values.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

constexpr auto kInvalid = ErrorCode::kInvalidArgument;
constexpr std::int64_t kSide = 256;  // of the image that the model takes

using Views = std::map<std::string, HostTensorView>;

std::vector<float> floats(const HostTensor& tensor) {
  return {tensor.as<float>(), tensor.as<float>() + tensor.bytes.size() / sizeof(float)};
}

class RunnerTest : public testing::Test {
 protected:
  static const Engine& engine() {
    static const Engine instance =
        Engine::build(test::data_path("sam_micro/checkpoint.pth"), test::capped());
    return instance;
  }

  static Runner runner(const std::string& program) {
    RunnerOptions options;
    options.program = program;
    options.threads = 2;
    return Runner(engine(), options);
  }

  RunnerTest() {
    for (std::size_t i = 0; i < image_.size(); ++i) {
      image_[i] = static_cast<float>(i * 37 % 101) / 50.0F - 1.0F;
    }
  }

  HostTensorView image() const {
    return {ElementType::kFloat32, {1, kSide, kSide, 3}, image_.data()};
  }

  std::vector<float> image_ = std::vector<float>(static_cast<std::size_t>(kSide * kSide * 3));
  const std::vector<float> coords_{10.5F / kSide, 20.5F / kSide, 0.5F / kSide, 0.5F / kSide};
  std::vector<std::int32_t> labels_{1, -1};
};

TEST_F(RunnerTest, ListsWhatAProgramTakesAndReturns) {
  const Runner decoder = runner("mask_decoder_with_mask_input");
  EXPECT_EQ(decoder.program(), "mask_decoder_with_mask_input");
  EXPECT_EQ(decoder.threads(), 2);
  ASSERT_EQ(decoder.inputs().size(), 4U);
  const ArgumentInfo& labels = decoder.inputs()[2];
  EXPECT_EQ(labels.name, "point_labels");
  EXPECT_EQ(labels.type, ElementType::kInt32);
  EXPECT_EQ(labels.shape, (std::vector<std::string>{"prompts", "points"}));
  ASSERT_EQ(decoder.outputs().size(), 2U);
  EXPECT_EQ(decoder.outputs()[0].name, "low_res_logits");
  EXPECT_EQ(decoder.outputs()[0].shape, (std::vector<std::string>{"prompts", "4", "64", "64"}));
}

// A point through encoder, image tokens and decoder, by names, is what a Segmenter answers.
TEST_F(RunnerTest, ChainsOfProgramsAreTheSegmenters) {
  Runner encoder = runner("image_encoder");
  const auto embeddings = encoder.run({{"image", image()}});
  EXPECT_GT(encoder.last_run_ms(), 0);
  Runner tokens = runner("image_tokens");
  const auto known = tokens.run({{"image_embeddings", embeddings.at("image_embeddings").view()}});
  Runner decoder = runner("mask_decoder");
  Views inputs{{"point_coords", {ElementType::kFloat32, {1, 2, 2}, coords_.data()}},
               {"point_labels", {ElementType::kInt32, {1, 2}, labels_.data()}}};
  ASSERT_EQ(decoder.inputs().size(), known.size() + 2);
  for (const auto& [name, tensor] : known) inputs[name] = tensor.view();
  std::map<std::string, HostTensor> answers;
  answers["left over"] = {};
  for (int run = 0; run < 2; ++run) decoder.run(inputs, &answers);
  EXPECT_EQ(answers.size(), 2U);

  Segmenter segmenter(engine(), {2});
  const Embedding embedding = segmenter.encode_preprocessed(image_.data(), kSide, kSide);
  EXPECT_EQ(test::values_of(embedding), floats(embeddings.at("image_embeddings")));
  Prompt prompt;
  prompt.points = {{10, 20}};
  const Segmentation expected = segmenter.segment(embedding, prompt);
  std::vector<float> logits = floats(answers.at("low_res_logits"));
  logits.resize(logits.size() / 4);  // the first of four masks
  EXPECT_EQ(logits, expected.low_res_logits);
  EXPECT_EQ(floats(answers.at("iou_predictions")).front(), expected.iou_predictions.front());
}

TEST_F(RunnerTest, ProgramsAreNamedWhereThereAreSeveral) {
  EXPECT_ERROR(Runner(engine()), kInvalid, "the engine has 4: image_encoder, image_tokens");
  EXPECT_ERROR(runner("encoder"), ErrorCode::kNotFound, "no program \"encoder\": expected image_");
  EXPECT_ERROR(Runner(engine(), {"image_encoder", -1}), kInvalid, "-1");
}

TEST_F(RunnerTest, WrongTensorsAreNamed) {
  Runner encoder = runner("image_encoder");
  EXPECT_ERROR(encoder.run({}), kInvalid, "input \"image\" of program image_encoder is missing");
  EXPECT_ERROR(encoder.run({{"image", image()}, {"x", image()}}), kInvalid, "no input \"x\"");
  HostTensorView wrong = image();
  wrong.type = ElementType::kFloat64;
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid, "is float64, and float32 is expected");
  wrong = image();
  wrong.shape = {1, 3, kSide, kSide};
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid,
               "is [1, 3, 256, 256], and [batch, 256, 256, 3] is expected where batch = 1");
  wrong.shape = {kSide, kSide, 3};
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid, "is [256, 256, 3]");
  wrong.shape = {0, kSide, kSide, 3};
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid, "batch must be at least 1");
  wrong = image();
  wrong.data = nullptr;
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid, "no data");
  wrong.data = reinterpret_cast<const char*>(image_.data()) + 1;
  EXPECT_ERROR(encoder.run({{"image", wrong}}), kInvalid, "a multiple of 4 bytes");
}

TEST_F(RunnerTest, InputsThatContradictOneAnotherAreNamed) {
  Runner decoder = runner("mask_decoder_with_mask_input");
  const std::vector<float> embedding(16 * 16 * 64, 0.25F);
  const std::vector<float> mask(64 * 64, 1.0F);
  Views inputs{{"image_embeddings", {ElementType::kFloat32, {1, 16, 16, 64}, embedding.data()}},
               {"point_coords", {ElementType::kFloat32, {1, 2, 2}, coords_.data()}},
               {"point_labels", {ElementType::kInt32, {1, 2}, labels_.data()}},
               {"mask_input", {ElementType::kFloat32, {1, 64, 64, 1}, mask.data()}}};
  EXPECT_EQ(decoder.run(inputs).at("low_res_logits").shape,
            (std::vector<std::int64_t>{1, 4, 64, 64}));
  inputs["point_labels"].shape = {2, 1};
  EXPECT_ERROR(decoder.run(inputs), kInvalid,
               "\"point_labels\" is [2, 1], and [prompts, points] is expected where points = 2, "
               "prompts = 1");
  inputs["point_labels"].shape = {1, 2};
  labels_[1] = 4;
  EXPECT_ERROR(decoder.run(inputs), kInvalid,
               "\"point_labels\" has the value 4, and -1 to 3 are expected");
  labels_[1] = -2;
  EXPECT_ERROR(decoder.run(inputs), kInvalid, "has the value -2");
}

TEST_F(RunnerTest, TheCpuHasNoMemoryOfGpus) {
  Runner encoder = runner("image_encoder");
  EXPECT_EQ(encoder.device(), "cpu");
  EXPECT_ERROR(encoder.enqueue({}, {}, {}), ErrorCode::kUnsupported,
               "takes tensors in a GPU's memory, and the engine runs on the CPU");
}

TEST_F(RunnerTest, ArchivesKeepNamesTypesAndShapes) {
  const test::TempDir folder;
  std::map<std::string, HostTensor> tensors;
  const std::vector<ElementType> types{
      ElementType::kFloat32, ElementType::kFloat16, ElementType::kFloat64,
      ElementType::kInt8,    ElementType::kUInt8,   ElementType::kInt16,
      ElementType::kInt32,   ElementType::kInt64,   ElementType::kBool};
  for (const ElementType type : types) {
    HostTensor& tensor = tensors[to_string(type)];
    tensor.type = type;
    tensor.shape = {2, 1, 3};
    tensor.bytes.assign(6 * size_of(type), std::byte{1});
  }
  tensors["one"] = {ElementType::kInt32, {}, std::vector<std::byte>(4, std::byte{7})};
  tensors["none"] = {ElementType::kFloat32, {0, 4}, {}};
  save_npz(folder / "a.npz", tensors);
  const auto back = load_npz(folder / "a.npz");
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).type, tensor.type) << name;
    EXPECT_EQ(back.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(back.at(name).bytes, tensor.bytes) << name;
  }
  tensors["one"].bytes.pop_back();
  EXPECT_ERROR(save_npz(folder / "b.npz", tensors), kInvalid, "\"one\", int32 []");
  tensors["one"] = {ElementType::kBFloat16, {}, std::vector<std::byte>(2)};
  EXPECT_ERROR(save_npz(folder / "b.npz", tensors), kInvalid, "bfloat16");
  EXPECT_ERROR(load_npz(folder / "b.npz"), ErrorCode::kNotFound, "b.npz");
  test::write_bytes(folder / "b.npz", "PK");
  EXPECT_ERROR(load_npz(folder / "b.npz"), ErrorCode::kCorruptFile, "b.npz");
}

}  // namespace
}  // namespace lasso
