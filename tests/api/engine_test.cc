// Engines as a program of a user builds, saves and opens them.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "api/micro.h"
#include "lasso/machine.h"
#include "support/embedding_values.h"
#include "support/errors.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

using test::code_of;

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
  if (test::has_bf16(test::capped().isa)) precisions.push_back(Precision::kBf16);
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
  capped.save(path("cpu.lasso"));
  for (const char* gpus : {"sm_80", "sm_foo"}) {
    options.isa = gpus;
    const std::string named = std::string("instruction set \"") + gpus + "\"";
    EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, named),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(
                  [&] {
                    Engine::load(path("cpu.lasso"), {false, gpus});
                  },
                  named),
              ErrorCode::kInvalidArgument);
  }
  options.isa = "sse2";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "\"sse2\""),
            ErrorCode::kInvalidArgument);
  options.isa.clear();
  options.device = "tpu";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "device \"tpu\""),
            ErrorCode::kInvalidArgument);
}

// Without a GPU, or without CUDA in the build, the device is named, and nothing else is wrong.
TEST_F(Api, AGpuThatIsNotThereIsNamed) {
  try {
    gpus();
    GTEST_SKIP() << "there is a GPU";
  } catch (const Error& error) {
    EngineOptions options;
    options.device = "cuda";
    EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, error.what()),
              error.code());
    EXPECT_TRUE(error.code() == ErrorCode::kDevice || error.code() == ErrorCode::kUnsupported);
  }
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

}  // namespace
}  // namespace lasso
