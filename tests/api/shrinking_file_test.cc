// Mapped model files that become shorter while they are used.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "engine/compile/compile.h"
#include "formats/checkpoint.h"
#include "lasso/embedding.h"
#include "lasso/engine.h"
#include "lasso/runner.h"
#include "lasso/segmenter.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/describe/describe.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/legacy_writer.h"
#include "support/pickles.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLeft = 4096;

class ShrinkingFile : public testing::Test {
 protected:
  std::string checkpoint() const {
    const std::string path = folder_ / "micro.pth";
    fs::copy_file(test::data_path("sam_micro/checkpoint.pth"), path);
    return path;
  }
  Engine engine() const {
    return Engine::build_file(test::data_path("sam_micro/checkpoint.pth"), engine_, test::capped());
  }
  std::string cut_short() const {
    const std::uintmax_t bytes = fs::file_size(engine_);
    fs::resize_file(engine_, kLeft);
    return engine_ + ": has 4096 bytes, and had " + std::to_string(bytes) + " when it was opened";
  }
  static Image image() {
    return {64, 48, PixelFormat::kRgb, std::vector<std::uint8_t>(64 * 48 * 3, 90)};
  }
  static Prompt click() {
    Prompt prompt;
    prompt.points.push_back({30, 20, PointLabel::kForeground});
    return prompt;
  }

  test::TempDir folder_;
  const std::string engine_ = folder_ / "micro.lasso";
};

TEST_F(ShrinkingFile, AnEngineBetweenCalls) {
  const Engine engine = this->engine();
  Segmenter segmenter(engine, {1});
  const Embedding embedding = segmenter.encode(image().view());
  EXPECT_EQ(segmenter.segment(embedding, click()).masks.size(), 1U);
  const std::string message = cut_short();
  EXPECT_ERROR(segmenter.encode(image().view()), ErrorCode::kCorruptFile, message);
  EXPECT_ERROR(segmenter.encode({image().view(), image().view()}), ErrorCode::kCorruptFile,
               message);
  EXPECT_ERROR(segmenter.segment(embedding, click()), ErrorCode::kCorruptFile, message);
  EXPECT_ERROR(segmenter.warm_up(), ErrorCode::kCorruptFile, message);
  Runner runner(engine, {"image_encoder", 1});
  HostTensor pixels;
  pixels.type = ElementType::kFloat32;
  pixels.shape = {1, 256, 256, 3};
  pixels.bytes.resize(256 * 256 * 3 * sizeof(float));
  EXPECT_ERROR(runner.run({{"image", pixels.view()}}), ErrorCode::kCorruptFile, message);
  const std::string copy = folder_ / "copy.lasso";
  EXPECT_ERROR(engine.save(copy), ErrorCode::kCorruptFile, message);
  EXPECT_FALSE(fs::exists(copy));
}

TEST_F(ShrinkingFile, AnEngineDuringARun) {
  Segmenter segmenter(engine(), {1});
  segmenter.encode(image().view());
  // A byte less, in the last page, reads as zero and raises nothing.
  bool cut = false;
  segmenter.set_trace([&](const std::string& /*program*/, const std::string& /*name*/,
                          const std::vector<std::int64_t>& /*shape*/, const float* /*values*/,
                          double /*ms*/) {
    if (!cut) fs::resize_file(engine_, fs::file_size(engine_) - 1);
    cut = true;
  });
  EXPECT_ERROR(segmenter.encode(image().view()), ErrorCode::kCorruptFile, "it was cut short");
}

TEST_F(ShrinkingFile, AnEngineWhoseNameAnotherFileTakesRunsOn) {
  Segmenter segmenter(engine(), {1});
  const std::vector<float> before =
      segmenter.segment(segmenter.encode(image().view()), click()).low_res_logits;
  test::write_bytes(folder_ / "short", "short");
  fs::rename(folder_ / "short", engine_);
  EXPECT_EQ(segmenter.segment(segmenter.encode(image().view()), click()).low_res_logits, before);
}

// In PyTorch's old format tensors lie where they are not aligned, and are copied when they are
// read.
class ShrinkingLegacyFile : public ShrinkingFile {
 protected:
  std::string legacy_checkpoint() const {
    const Weights weights = read_checkpoint(test::data_path("sam_micro/checkpoint.pth"));
    std::vector<std::pair<std::string, std::string>> items;
    std::vector<test::LegacyStorage> storages;
    for (const auto& [name, tensor] : weights.tensors()) {
      const std::string key = std::to_string(storages.size());
      const std::int64_t elements = element_count(tensor.dims);
      items.emplace_back(name, test::tensor(test::legacy_storage(key, elements), 0, tensor.dims,
                                            dense_strides(tensor.dims)));
      const Tensor dense = weights.dense(name);
      storages.push_back(
          {key, elements, {static_cast<const char*>(dense.data.get()), dense.bytes()}});
    }
    const std::string path = folder_ / "legacy.pth";
    while (true) {
      test::write_bytes(path, test::legacy_file(test::dict(items), storages));
      if (!read_checkpoint(path).at(items.front().first).lies_dense()) return path;
      items.emplace_back("x", "N");  // seven bytes more
    }
  }
};

TEST_F(ShrinkingLegacyFile, BeforeItIsRead) {
  const std::string path = legacy_checkpoint();
  const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path);
  fs::resize_file(path, kLeft);
  EXPECT_ERROR(sam::fingerprint(checkpoint), ErrorCode::kCorruptFile,
               path + ": has 4096 bytes, and had ");
  EXPECT_ERROR(sam::describe(checkpoint), ErrorCode::kCorruptFile, "it was cut short");
}

TEST_F(ShrinkingLegacyFile, InItsLastPage) {
  const std::string path = legacy_checkpoint();
  const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path);
  fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_ERROR(sam::fingerprint(checkpoint), ErrorCode::kCorruptFile, "it was cut short");
}

TEST_F(ShrinkingFile, ACheckpointBeforeItIsRead) {
  const std::string path = checkpoint();
  const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path);
  fs::resize_file(path, kLeft);
  EXPECT_ERROR(sam::fingerprint(checkpoint), ErrorCode::kCorruptFile,
               path + ": has 4096 bytes, and had ");
}

TEST_F(ShrinkingFile, ACheckpointBeforeItIsPacked) {
  const std::string path = checkpoint();
  const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path);
  engine::CompileOptions options;
  options.target = backend::test_target(1);
  graph::Module module = sam::describe(checkpoint);
  fs::resize_file(path, kLeft);
  EXPECT_ERROR(engine::compile(std::move(module), options), ErrorCode::kCorruptFile,
               path + ": has 4096 bytes, and had ");
}

}  // namespace
}  // namespace lasso
