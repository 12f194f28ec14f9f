// The public API as a program of a user calls it, on the bundled checkpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "lasso/lasso.h"
#include "support/capped.h"
#include "support/embedding_values.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

using test::code_of;

std::string data(const std::string& name) { return test::data_path("sam_micro/" + name); }

Prompt click(float x, float y) {
  Prompt prompt;
  prompt.points.push_back({x, y, PointLabel::kForeground});
  return prompt;
}

class Api : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }

  static const Engine& engine() {
    static const Engine instance = Engine::build(data("checkpoint.pth"), test::capped());
    return instance;
  }
  static const Image& image() {
    static const Image instance = read_image(data("image0.png"));
    return instance;
  }

  test::TempDir folder_;
};

TEST_F(Api, InfoDescribesTheModel) {
  const EngineInfo& info = engine().info();
  EXPECT_EQ(info.model, "SAM (width 64, depth 4)");
  EXPECT_EQ(info.model_hash.size(), 32U);
  EXPECT_EQ(info.family, "sam");
  EXPECT_EQ(info.preprocess, "sam");
  ASSERT_TRUE(info.sam.has_value());
  EXPECT_EQ(info.sam->image_size, 256);
  EXPECT_EQ(info.sam->num_heads, 2);
  EXPECT_EQ(info.sam->global_blocks, (std::vector<int>{1, 3}));
  EXPECT_EQ(info.sam->candidates, 3);
  ASSERT_EQ(info.programs.size(), 4U);
  EXPECT_EQ(info.programs[0].inputs.front(), "image: float32 [batch, 256, 256, 3]");
  EXPECT_EQ(info.programs[0].outputs.front(), "image_embeddings: float32 [batch, 16, 16, 64]");
  double gflop = 0;
  for (const LayerInfo& layer : info.programs[0].layers) gflop += layer.gflop;
  EXPECT_GT(gflop, 0.05);
  EXPECT_NE(engine().dump().find("window_attention(%blocks.0.attn.qkv"), std::string::npos);
}

TEST_F(Api, PixelFormatsAndStridesGiveTheSameEmbedding) {
  Segmenter segmenter(engine());
  const Embedding expected = segmenter.encode(image().view());
  const int width = image().width;
  const int height = image().height;
  for (const PixelFormat format : {PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra}) {
    const int n = channels(format);
    const std::ptrdiff_t stride = width * n + 13;
    std::vector<std::uint8_t> buffer(
        static_cast<std::size_t>(stride) * static_cast<std::size_t>(height), 77);
    const bool swap = format != PixelFormat::kRgba;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* rgb = image().pixels.data() + (y * width + x) * 3;
        std::uint8_t* out = buffer.data() + y * stride + x * n;
        for (int c = 0; c < 3; ++c) out[c] = rgb[swap ? 2 - c : c];
      }
    }
    const Embedding embedding = segmenter.encode({buffer.data(), width, height, stride, format});
    EXPECT_EQ(expected.size(), 16U * 16 * 64);
    EXPECT_EQ(test::values_of(embedding), test::values_of(expected));
  }
}

TEST_F(Api, LogitsOfAResultAreTheNextPromptsMask) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  Prompt prompt = click(250, 300);
  const Segmentation first = segmenter.segment(embedding, prompt);
  EXPECT_EQ(first.masks.front().width, image().width);
  prompt.mask_input = first.low_res_logits;
  const Segmentation second = segmenter.segment(embedding, prompt);
  EXPECT_NE(first.low_res_logits, second.low_res_logits);
}

TEST_F(Api, OneMaskThresholdAndNoMasks) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  SegmentOptions options;
  options.mask_threshold = std::numeric_limits<float>::infinity();
  EXPECT_EQ(mask_area(segmenter.segment(embedding, click(5, 5), options).masks.front()), 0);
  options.mask_threshold = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(mask_area(segmenter.segment(embedding, click(5, 5), options).masks.front()),
            std::int64_t{image().width} * image().height);
  options.masks = false;
  Prompt ambiguous = click(5, 5);
  ambiguous.multimask = true;
  const Segmentation result = segmenter.segment(embedding, ambiguous, options);
  EXPECT_TRUE(result.masks.empty());
  EXPECT_EQ(result.iou_predictions.size(), 3U);
  EXPECT_EQ(result.low_res_logits.size(), 3U * 64 * 64);
  EXPECT_GE(result.iou_predictions[result.best()], result.iou_predictions[0]);
}

TEST_F(Api, ManyPromptsAreAnsweredInTheirOrder) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  std::vector<Prompt> prompts;
  for (int i = 0; i < 21; ++i) {
    Prompt prompt;
    if (i % 3 != 1) prompt = click(20.0F * static_cast<float>(i), 100);
    if (i % 3 != 0) prompt.box = Box{10, 20, 100 + 10 * static_cast<float>(i), 300};
    prompts.push_back(prompt);
  }
  const std::vector<Segmentation> together = segmenter.segment(embedding, prompts);
  ASSERT_EQ(together.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Segmentation alone = segmenter.segment(embedding, prompts[i]);
    for (std::size_t k = 0; k < alone.low_res_logits.size(); ++k) {
      ASSERT_NEAR(together[i].low_res_logits[k], alone.low_res_logits[k], 1e-4) << i;
    }
  }
}

Prompt box(float x1, float y1) {
  Prompt prompt;
  prompt.box = Box{10, 20, x1, y1};
  return prompt;
}

// Of several kinds in turn, so that the decoder takes them in another order than they stand in.
std::vector<Prompt> mixed_prompts() {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 40; ++i) {
    const auto offset = static_cast<float>(5 * i);
    Prompt prompt = i % 3 == 0 ? click(20 + offset, 100) : box(60 + offset, 300);
    if (i % 5 == 0) prompt.points.push_back({offset, offset, PointLabel::kBackground});
    prompt.multimask = i % 2 == 0;
    prompts.push_back(prompt);
  }
  return prompts;
}

TEST_F(Api, ASinkTakesTheAnswersInOrder) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const std::vector<Prompt> prompts = mixed_prompts();
  const std::vector<Segmentation> all = segmenter.segment(embedding, prompts);
  std::size_t next = 0;
  std::vector<std::uint8_t> buffer(all[0].masks[0].data.size());
  segmenter.segment(embedding, prompts, {}, [&](std::size_t i, Segmentation& answer) {
    ASSERT_EQ(i, next++);
    ASSERT_EQ(answer.masks.size(), prompts[i].multimask ? 3U : 1U);
    EXPECT_EQ(answer.low_res_logits, all[i].low_res_logits);
    EXPECT_EQ(answer.iou_predictions, all[i].iou_predictions);
    for (std::size_t m = 0; m < answer.masks.size(); ++m) {
      EXPECT_EQ(answer.masks[m].data, all[i].masks[m].data);
    }
    segmenter.upsample_mask(embedding, answer.low_res_logits.data(), 0.0F, buffer.data(),
                            image().width);
    EXPECT_EQ(buffer, answer.masks[0].data);
    if (i % 4 == 0) const Segmentation taken = std::move(answer);
  });
  EXPECT_EQ(next, prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Segmentation alone = segmenter.segment(embedding, prompts[i]);
    ASSERT_EQ(alone.masks.size(), all[i].masks.size());
    for (std::size_t k = 0; k < alone.low_res_logits.size(); ++k) {
      ASSERT_NEAR(all[i].low_res_logits[k], alone.low_res_logits[k], 1e-4) << i;
    }
  }
}

// What a sink throws comes out as it is, and the segmenter goes on working.
TEST_F(Api, ASinkMayEndTheCall) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const std::vector<Prompt> prompts = mixed_prompts();
  const std::vector<Segmentation> all = segmenter.segment(embedding, prompts);
  struct Enough {};
  for (const std::size_t last : {0U, 1U, 7U}) {
    EXPECT_THROW(segmenter.segment(embedding, prompts, {},
                                   [&](std::size_t i, Segmentation&) {
                                     if (i == last) throw Enough();
                                   }),
                 Enough);
    const std::vector<Segmentation> again = segmenter.segment(embedding, prompts);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(again[i].low_res_logits, all[i].low_res_logits) << i;
    }
  }
  EXPECT_EQ(code_of([&] { segmenter.segment(embedding, prompts, {}, nullptr); }, "sink"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, EmbeddingsSurviveAFile) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  embedding.save(path("truck.safetensors"));
  const Embedding loaded = Embedding::load(path("truck.safetensors"));
  EXPECT_EQ(loaded.image_width(), image().width);
  EXPECT_EQ(loaded.image_size(), 256);
  EXPECT_EQ(loaded.preprocess(), "sam");
  EXPECT_EQ(loaded.model_hash(), embedding.model_hash());
  const Segmentation a = segmenter.segment(embedding, click(250, 300));
  const Segmentation b = segmenter.segment(loaded, click(250, 300));
  EXPECT_EQ(a.low_res_logits, b.low_res_logits);
  EXPECT_EQ(a.masks.front().data, b.masks.front().data);
}

TEST_F(Api, EmbeddingsOfAnotherModelOrPreparationAreRefused) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  EngineOptions options = test::capped();
  options.preprocess = "medsam";
  const Engine medsam = Engine::build(data("checkpoint.pth"), options);
  Segmenter other(medsam);
  EXPECT_EQ(code_of([&] { other.segment(embedding, click(1, 1)); }, "prepared by \"sam\""),
            ErrorCode::kInvalidArgument);
  embedding.save(path("e"));
  std::ifstream in(path("e"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::size_t at = bytes.find(embedding.model_hash());
  ASSERT_NE(at, std::string::npos);
  bytes[at] = bytes[at] == '0' ? '1' : '0';
  std::ofstream(path("e"), std::ios::binary) << bytes;
  const Embedding foreign = Embedding::load(path("e"));
  EXPECT_EQ(code_of([&] { segmenter.segment(foreign, click(1, 1)); }, "another model"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, DamagedEmbeddingFilesAreRefused) {
  Segmenter(engine()).encode(image().view()).save(path("e"));
  std::ifstream in(path("e"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 100) {
    std::ofstream(path("cut"), std::ios::binary) << bytes.substr(0, length);
    EXPECT_EQ(code_of([&] { Embedding::load(path("cut")); }, path("cut")), ErrorCode::kCorruptFile);
  }
  EXPECT_EQ(code_of([&] { Embedding::load(path("absent")); }, path("absent")),
            ErrorCode::kNotFound);
}

TEST_F(Api, BadArgumentsAreNamed) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const auto refused = [&](const Prompt& prompt, const std::string& text) {
    EXPECT_EQ(code_of([&] { segmenter.segment(embedding, prompt); }, text),
              ErrorCode::kInvalidArgument);
  };
  refused({}, "empty");
  refused(click(std::nanf(""), 3), "not finite");
  Prompt flat;
  flat.box = Box{10, 10, 10, 50};
  refused(flat, "no area");
  Prompt mask = click(1, 1);
  mask.mask_input.assign(100, 0.0F);
  refused(mask, "64x64");
  Prompt label = click(1, 1);
  label.points[0].label = static_cast<PointLabel>(7);
  refused(label, "label 7");
  EXPECT_EQ(code_of(
                [&] {
                  segmenter.encode({nullptr, 10, 10, 30, PixelFormat::kRgb});
                },
                ""),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(
                [&] {
                  segmenter.encode({image().pixels.data(), 10, 10, 20, PixelFormat::kRgb});
                },
                ""),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { Engine::build("/nonexistent/sam.pth"); }, "/nonexistent/sam.pth"),
            ErrorCode::kNotFound);
  EngineOptions options = test::capped();
  options.preprocess = "yolo9000";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "yolo9000"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, EngineFilesAreTheEngine) {
  for (const Precision precision : {Precision::kFp32, Precision::kInt8}) {
    EngineOptions options = test::capped();
    options.precision = precision;
    const Engine built = Engine::build(data("checkpoint.pth"), options);
    built.save(path("saved.lasso"));
    const Engine file = Engine::build_file(data("checkpoint.pth"), path("built.lasso"), options);
    EXPECT_EQ(test::read_bytes(path("saved.lasso")), test::read_bytes(path("built.lasso")));
    const Engine loaded = Engine::load(path("saved.lasso"), {true, test::capped().isa});
    EXPECT_EQ(loaded.dump(), built.dump());
    EXPECT_EQ(loaded.info().precision, to_string(precision));
    EXPECT_EQ(loaded.info().model_hash, built.info().model_hash);
    EXPECT_EQ(loaded.info().weight_bytes, built.info().weight_bytes);
    EXPECT_EQ(loaded.info().parameters, built.info().parameters);
    EXPECT_EQ(loaded.arena_bytes(2), built.arena_bytes(2));
    // A file that is replaced or deleted goes on being what it was.
    test::write_bytes(path("new"), "something else");
    fs::rename(path("new"), path("saved.lasso"));
    fs::remove(path("built.lasso"));
    Segmenter segmenter(built, {2});
    const Embedding embedding = segmenter.encode(image().view());
    const Segmentation expected = segmenter.segment(embedding, click(250, 300));
    for (const Engine& engine : {loaded, file}) {
      Segmenter other(engine, {2});
      const Segmentation answer = other.segment(embedding, click(250, 300));
      EXPECT_EQ(answer.low_res_logits, expected.low_res_logits);
      EXPECT_EQ(answer.masks.front().data, expected.masks.front().data);
    }
  }
}

TEST_F(Api, AnEngineFileGivesTheSameBitsEveryTime) {
  std::vector<Precision> precisions = {Precision::kFp32, Precision::kInt8};
  if (machine_info(test::capped().isa).isa == "avx512_bf16") precisions.push_back(Precision::kBf16);
  for (const Precision precision : precisions) {
    SCOPED_TRACE(to_string(precision));
    EngineOptions options = test::capped();
    options.precision = precision;
    Engine::build(data("checkpoint.pth"), options).save(path("a.lasso"));
    std::vector<float> embedding;
    std::vector<float> logits;
    for (int run = 0; run < 20; ++run) {
      Segmenter segmenter(Engine::open(path("a.lasso"), test::capped()), {2});
      const Embedding e = segmenter.encode(image().view());
      const Segmentation answer = segmenter.segment(e, click(250, 300));
      if (run == 0) embedding = test::values_of(e);
      if (run == 0) logits = answer.low_res_logits;
      EXPECT_EQ(test::values_of(e), embedding);
      EXPECT_EQ(answer.low_res_logits, logits);
    }
  }
}

TEST_F(Api, OptionsThatContradictAnEngineFileAreRefused) {
  engine().save(path("a.lasso"));
  const auto refused = [&](const EngineOptions& options, const std::string& text) {
    EXPECT_EQ(code_of([&] { Engine::open(path("a.lasso"), options); }, text),
              ErrorCode::kInvalidArgument);
  };
  EngineOptions options = test::capped();
  options.preprocess = "sam";
  EXPECT_EQ(Engine::open(path("a.lasso"), options).info().preprocess, "sam");
  options.preprocess = "medsam";
  refused(options, "\"sam\"");
  options = {};
  options.kernels = Kernels::kReference;
  refused(options, "reference kernels");
  options = {};
  options.precision = Precision::kInt8;
  refused(options, "built in fp32");
  options = {};
  options.config_path = path("config.json");
  refused(options, "config.json");
  EXPECT_EQ(code_of([&] { Engine::build(path("a.lasso")); }, "not built from engines"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(code_of([&] { Engine::load(data("checkpoint.pth")); }, "not an engine file"),
            ErrorCode::kCorruptFile);
  EXPECT_EQ(code_of([&] { Engine::open(path("absent.lasso")); }, "absent.lasso"),
            ErrorCode::kNotFound);
}

TEST_F(Api, DevicesAndInstructionSetsAreChecked) {
  EngineOptions options;
  options.device = "cpu";
  options.isa = "avx2";
  const Engine capped = Engine::build(data("checkpoint.pth"), options);
  EXPECT_EQ(capped.info().device, "cpu");
  EXPECT_EQ(capped.info().isa, "avx2");
  options.isa = "sse2";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "\"sse2\""),
            ErrorCode::kInvalidArgument);
  options.isa.clear();
  options.device = "cuda";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); },
                    "device \"cuda\": this release runs on \"cpu\""),
            ErrorCode::kUnsupported);
}

TEST_F(Api, BuildingKeepsWithinAMemoryLimitOrSaysWhatItNeeds) {
  EngineOptions options = test::capped();
  options.memory_limit = 1 << 20;
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "limit is 1 MiB"),
            ErrorCode::kOutOfMemory);
  EXPECT_EQ(code_of([&] { Engine::build_file(data("checkpoint.pth"), path("a.lasso"), options); },
                    "limit is 1 MiB"),
            ErrorCode::kOutOfMemory);
  EXPECT_FALSE(fs::exists(path("a.lasso")));
  options.memory_limit = std::uint64_t{1} << 40;
  Engine::build_file(data("checkpoint.pth"), path("a.lasso"), options);
}

TEST_F(Api, ThreadsShareAnEngine) {
  Segmenter segmenter(engine(), {1});
  const Segmentation expected =
      segmenter.segment(segmenter.encode(image().view()), click(250, 300));
  std::vector<std::thread> threads;
  std::vector<Segmentation> results(3);
  for (Segmentation& result : results) {
    threads.emplace_back([&result] {
      Segmenter own(engine(), {1});
      result = own.segment(own.encode(image().view()), click(250, 300));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Segmentation& result : results) {
    EXPECT_EQ(result.low_res_logits, expected.low_res_logits);
    EXPECT_EQ(result.masks.front().data, expected.masks.front().data);
  }
}

TEST_F(Api, MasksGoIntoTheCallersBuffer) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  SegmentOptions options;
  const Segmentation with = segmenter.segment(embedding, click(250, 300), options);
  options.masks = false;
  const Segmentation without = segmenter.segment(embedding, click(250, 300), options);
  const std::ptrdiff_t stride = image().width + 5;
  std::vector<std::uint8_t> buffer(static_cast<std::size_t>(stride * image().height), 9);
  segmenter.upsample_mask(embedding, without.low_res_logits.data(), 0.0F, buffer.data(), stride);
  for (int y = 0; y < image().height; ++y) {
    const std::uint8_t* row = buffer.data() + y * stride;
    EXPECT_TRUE(std::equal(row, row + image().width,
                           with.masks[0].data.data() + std::ptrdiff_t{y} * image().width));
    EXPECT_EQ(row[image().width], 9);
  }
}

TEST_F(Api, EmptyEmbeddingsAreRefused) {
  Segmenter segmenter(engine());
  EXPECT_FALSE(Embedding());
  EXPECT_EQ(code_of([&] { segmenter.segment(Embedding(), click(1, 1)); }, "empty"),
            ErrorCode::kInvalidArgument);
}

// More images than the encoder takes at once, of several sizes.
TEST_F(Api, ManyImagesAreEncodedAsIfEachWereAlone) {
  std::vector<Image> images;
  for (int i = 0; i < 6; ++i) {
    Image cut = image();
    cut.height -= 3 * i;
    images.push_back(cut);
  }
  std::vector<ImageView> views;
  for (const Image& cut : images) views.push_back(cut.view());
  Segmenter segmenter(engine());
  const std::vector<Embedding> together = segmenter.encode(views);
  ASSERT_EQ(together.size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Embedding alone = segmenter.encode(views[i]);
    EXPECT_EQ(together[i].image_height(), images[i].height);
    const std::vector<float> expected = test::values_of(alone);
    const std::vector<float> values = test::values_of(together[i]);
    double difference = 0;
    double norm = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      difference += std::pow(expected[k] - values[k], 2);
      norm += std::pow(expected[k], 2);
    }
    EXPECT_LE(difference, 1e-12 * norm) << "image " << i;  // 1e-6, squared
  }
  EXPECT_TRUE(segmenter.encode(std::vector<ImageView>{}).empty());
  views[5].width = 0;
  EXPECT_EQ(code_of([&] { segmenter.encode(views); }, "image 5 of "), ErrorCode::kInvalidArgument);
}

TEST_F(Api, SameBitsEveryRun) {
  for (const int threads : {1, 2}) {
    Segmenter segmenter(engine(), {threads});
    const Segmentation first = segmenter.segment(segmenter.encode(image().view()), click(250, 300));
    for (int i = 0; i < 3; ++i) {
      Segmenter again(engine(), {threads});
      EXPECT_EQ(again.segment(again.encode(image().view()), click(250, 300)).low_res_logits,
                first.low_res_logits);
    }
  }
}

TEST(Machine, PeaksAreOfWhatTheCpuHas) {
  const MachineInfo machine = machine_info(test::capped().isa);
  EXPECT_GE(machine.cores, 1);
  const std::vector<PeakRate> peaks = measure_peaks(1, test::capped().isa);
  ASSERT_FALSE(peaks.empty());
  EXPECT_EQ(peaks.front().precision, "fp32");
  EXPECT_EQ(peaks.front().isa, "avx2");
  EXPECT_EQ(peaks.size() == 1, machine.isa == "avx2");
  for (const PeakRate& peak : peaks) {
    EXPECT_EQ(peak.threads, 1);
    EXPECT_FALSE(peak.instruction.empty());
    EXPECT_TRUE(std::isfinite(peak.gflop_per_s) && peak.gflop_per_s > 0);
  }
  // No more threads than cores, whose own time would be counted twice.
  EXPECT_EQ(measure_peaks(4096).front().threads, machine.cores);
  EXPECT_EQ(code_of([] { measure_peaks(-1); }, "-1"), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(compute_libraries().starts_with("oneDNN "));
}

}  // namespace
}  // namespace lasso
