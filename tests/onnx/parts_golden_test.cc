// SAM of ONNX encoders and decoders that exporters wrote: masks as PyTorch's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/npy/npy.h"
#include "lasso/lasso.h"
#include "onnx/onnx_run.h"
#include "parity/golden.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

std::vector<double> as_doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

class SamParts : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(golden("sam_micro/decoder.onnx"))) GTEST_SKIP() << "no reference data";
  }
  static std::string golden(const std::string& name) { return test::golden_path(name); }
  static ModelParts pair(const std::string& encoder, const std::string& decoder) {
    ModelParts parts;
    if (!encoder.empty()) parts.encoders = {golden(encoder)};
    if (!decoder.empty()) parts.decoder = golden(decoder);
    return parts;
  }
  static const test::GoldenModel& model(const std::string& folder) {
    static std::map<std::string, test::GoldenModel> models;
    const auto it = models.find(folder);
    return it != models.end()
               ? it->second
               : models.emplace(folder, test::read_golden(golden(folder))).first->second;
  }

  // The answers to a case, logits one behind the other.
  static std::vector<float> logits_of(Segmenter& segmenter, const Embedding& embedding,
                                      const test::GoldenCase& golden) {
    std::vector<Prompt> prompts = golden.prompts;
    for (Prompt& prompt : prompts) prompt.multimask = golden.multimask;
    std::vector<float> logits;
    for (const Segmentation& answer : segmenter.segment(embedding, prompts)) {
      logits.insert(logits.end(), answer.low_res_logits.begin(), answer.low_res_logits.end());
    }
    return logits;
  }

  // All cases of the first image, or those that `keys` name.
  static void expect_pytorchs(Segmenter& segmenter, const std::string& folder,
                              const std::vector<std::string>& keys = {}) {
    const test::GoldenImage& image = model(folder).images.at(0);
    const Embedding embedding = segmenter.encode(read_image(image.path).view());
    std::size_t compared = 0;
    for (const test::GoldenCase& golden : image.cases) {
      if (!keys.empty() && std::find(keys.begin(), keys.end(), golden.key) == keys.end()) continue;
      const std::vector<float> logits = logits_of(segmenter, embedding, golden);
      const std::vector<float> expected = test::to_floats(golden.low_res);
      ASSERT_EQ(logits.size(), expected.size()) << golden.key;
      EXPECT_LE(test::relative_error(as_doubles(logits), as_doubles(expected)), 1e-4) << golden.key;
      ++compared;
    }
    EXPECT_GT(compared, 0U);
  }
};

TEST_F(SamParts, APairAnswersAsPytorchDoes) {
  Segmenter segmenter(
      Engine::assemble(pair("sam_micro/encoder.onnx", "sam_micro/decoder.onnx"), test::capped()));
  const EngineInfo& info = segmenter.engine().info();
  EXPECT_EQ(info.family, "sam");
  EXPECT_EQ(info.model, "SAM of encoder.onnx + decoder.onnx");
  EXPECT_EQ(info.preprocess, "sam");
  EXPECT_EQ(info.sam->image_size, 256);
  EXPECT_EQ(info.sam->candidates, 3);
  EXPECT_EQ(info.parameters, 474312U);
  expect_pytorchs(segmenter, "sam_micro");
}

TEST_F(SamParts, AnotherSizeAndAnotherExporter) {
  Segmenter large(
      Engine::assemble(pair("sam_1024/encoder.onnx", "sam_1024/decoder.onnx"), test::capped()));
  expect_pytorchs(large, "sam_1024", {"image0_case0", "image0_case4"});
  Segmenter other(Engine::assemble(pair("sam_micro_exports/encoder_op18_dynamo.onnx",
                                        "sam_micro_exports/decoder_op17_script.onnx"),
                                   test::capped()));
  expect_pytorchs(other, "sam_micro", {"image0_case0", "image0_case6"});
}

TEST_F(SamParts, AnEncoderStandsInForTheCheckpointsOwn) {
  ModelParts parts = pair("sam_micro/encoder.onnx", "");
  parts.model = golden("sam_micro/checkpoint.pth");
  Segmenter segmenter(Engine::assemble(parts, test::capped()));
  expect_pytorchs(segmenter, "sam_micro", {"image0_case0", "image0_case4", "image0_case6"});
}

// return_single_mask: the mask is the one that Meta's exporter chooses, which for five points and
// no box is the first.
TEST_F(SamParts, ADecoderOfOneMaskGivesItsOwnChoice) {
  Segmenter segmenter(Engine::assemble(
      pair("sam_micro/encoder.onnx", "sam_micro/decoder_single.onnx"), test::capped()));
  EXPECT_EQ(segmenter.engine().info().sam->candidates, 1);
  expect_pytorchs(segmenter, "sam_micro", {"image0_case2"});
}

TEST_F(SamParts, AnEngineFileKeepsThePair) {
  const test::TempDir folder;
  const std::string path = folder / "pair.lasso";
  const ModelParts parts = pair("sam_micro/encoder.onnx", "sam_micro/decoder.onnx");
  Engine::assemble_file(parts, path, test::capped());
  Segmenter loaded(Engine::load(path, {false, test::capped().isa, ""}));
  Segmenter built(Engine::assemble(parts, test::capped()));
  EXPECT_EQ(loaded.engine().info().model_hash, built.engine().info().model_hash);
  const test::GoldenImage& image = model("sam_micro").images.at(0);
  const Image picture = read_image(image.path);
  const Embedding embedding = built.encode(picture.view());
  EXPECT_EQ(logits_of(loaded, embedding, image.cases[0]),
            logits_of(built, embedding, image.cases[0]));
}

// An engine of the encoder beside one of the decoder: the same values.
TEST_F(SamParts, EnginesChain) {
  const Engine decoder = Engine::assemble(pair("", "sam_micro/decoder.onnx"), test::capped());
  EXPECT_FALSE(decoder.info().sam->has_encoder);
  SegmenterOptions options;
  options.encoders = {Engine::build(golden("sam_micro/encoder.onnx"), test::capped())};
  Segmenter chained(decoder, options);
  EXPECT_TRUE(chained.has_encoder());
  expect_pytorchs(chained, "sam_micro", {"image0_case0", "image0_case6"});
  const Image picture = read_image(model("sam_micro").images.at(0).path);
  const std::vector<ImageView> views{picture.view(), picture.view()};
  EXPECT_EQ(chained.encode(views).size(), 2U);
  chained.warm_up();

  // The encoder of an engine of SAM, whose embeddings are made for the decoder: it takes them
  // without the encoder, and another decoder does not.
  options.encoders = {Engine::build(golden("sam_micro/checkpoint.pth"), test::capped())};
  Segmenter other(decoder, options);
  expect_pytorchs(other, "sam_micro", {"image0_case0"});
  const Embedding embedding = other.encode(picture.view());
  Segmenter bare(decoder);
  EXPECT_FALSE(bare.has_encoder());
  const test::GoldenCase& prompts = model("sam_micro").images.at(0).cases[0];
  EXPECT_EQ(logits_of(bare, embedding, prompts), logits_of(other, embedding, prompts));
  Segmenter another(
      Engine::assemble(pair("", "sam_micro_exports/decoder_op17_script.onnx"), test::capped()));
  EXPECT_ERROR(another.segment(embedding, prompts.prompts[0]), ErrorCode::kInvalidArgument,
               "made by another model");
  EXPECT_ERROR(bare.encode(picture.view()), ErrorCode::kInvalidArgument, "no image encoder");
}

TEST_F(SamParts, AnArrayStandsInForTheEncoder) {
  Segmenter segmenter(Engine::assemble(pair("", "sam_micro/decoder.onnx"), test::capped()));
  const test::GoldenImage& image = model("sam_micro").images.at(0);
  const Tensor& array = image.embedding;
  const Embedding embedding =
      Embedding::from_array(test::view_of(array), segmenter, image.width, image.height);
  EXPECT_EQ(embedding.image_width(), image.width);
  EXPECT_EQ(embedding.grid(), 16);
  const std::vector<float> logits = logits_of(segmenter, embedding, image.cases[0]);
  EXPECT_LE(
      test::relative_error(as_doubles(logits), as_doubles(test::to_floats(image.cases[0].low_res))),
      1e-4);
  HostTensorView wrong = test::view_of(array);
  wrong.shape = {64, 256};
  EXPECT_ERROR(Embedding::from_array(wrong, segmenter, 10, 10), ErrorCode::kInvalidArgument,
               "float [64, 16, 16] or [1, 64, 16, 16] is expected");
  EXPECT_ERROR(Embedding::from_array(test::view_of(array), segmenter, 0, 10),
               ErrorCode::kInvalidArgument, "0x10 pixels");
}

TEST_F(SamParts, WhatDoesNotGoTogetherIsRefused) {
  EXPECT_ERROR(
      Engine::assemble(pair("mobile_sam_micro/encoder_op17_script.onnx", "sam_micro/decoder.onnx"),
                       test::capped()),
      ErrorCode::kInvalidArgument, "the image encoder gives 256 of 64x64");
  EXPECT_ERROR(
      Engine::assemble(pair("sam_micro/decoder.onnx", "sam_micro/decoder.onnx"), test::capped()),
      ErrorCode::kInvalidArgument, "given as an image encoder");
  EXPECT_ERROR(
      Engine::assemble(pair("sam_micro/encoder.onnx", "sam_micro/encoder.onnx"), test::capped()),
      ErrorCode::kInvalidArgument, "no mask decoder");
  EXPECT_ERROR(Engine::assemble(pair("sam_micro/encoder.onnx", ""), test::capped()),
               ErrorCode::kInvalidArgument, "there is no mask decoder");
  EXPECT_ERROR(
      Engine::assemble(pair("sam_micro/encoder.onnx", "sam_micro/checkpoint.pth"), test::capped()),
      ErrorCode::kInvalidArgument, "an ONNX model is expected as the mask decoder");
  ModelParts parts = pair("sam_1024/encoder.onnx", "");
  parts.model = golden("sam_micro/checkpoint.pth");
  EXPECT_ERROR(Engine::assemble(parts, test::capped()), ErrorCode::kInvalidArgument, "64x64");
}

}  // namespace
}  // namespace lasso
