// Damaged engine files, and engine files that lie: each is refused in one line, or runs. Whether
// what it computes is right is nobody's promise; that it touches nothing but its own memory is. The
// asan preset runs this with address and undefined-behaviour sanitizers.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "core/access.h"
#include "core/aligned_buffer.h"
#include "core/random.h"
#include "core/threads.h"
#include "models/sam/precision.h"
#include "models/sam/run/embedding.h"
#include "models/sam/run/predictor.h"
#include "support/engine_bytes.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/program_work.h"
#include "support/sam_files.h"
#include "support/small_sam.h"

namespace lasso {
namespace {

using test::EngineBytes;

// In each precision.
constexpr int kMutations = 1'000;
constexpr int kLies = 1'000;

engine::CompileOptions compile_options() {
  engine::CompileOptions options;
  options.target = backend::test_target(1);
  return options;
}

// What a lie may cost to run here.
bool is_small(const sam::SamModel& model) {
  constexpr double kMaxFlops = 1e9;
  constexpr std::int64_t kMaxElements = 1 << 24;
  const test::ProgramWork work = test::work_of(*model.module);
  return work.flops < kMaxFlops && work.largest_value <= kMaxElements &&
         model.config.image_size <= 1024;
}

// Damaged weights may compute what is not finite, which is refused when it is there. The decoder
// then runs on zeros.
Embedding encode(sam::Predictor& predictor, const sam::SamModel& model, const Image& image) {
  try {
    return predictor.encode(image.view());
  } catch (const sam::NotFinite&) {
  }
  auto impl = std::make_shared<Embedding::Impl>();
  impl->image_width = image.width;
  impl->image_height = image.height;
  impl->image_size = model.config.image_size;
  impl->grid = model.config.grid();
  impl->channels = model.config.prompt_dim;
  impl->preprocess = model.preprocess.name;
  impl->model_hash = model.hash;
  impl->values = AlignedBuffer(impl->size() * sizeof(float));
  std::memset(impl->values.data(), 0, impl->values.size());
  return Access::make<Embedding>(std::move(impl));
}

// One image, two prompts at once, and one with a mask.
void run(const std::shared_ptr<const sam::SamModel>& model) {
  sam::Predictor predictor(model, 1);
  Image image{24, 32, PixelFormat::kRgb, std::vector<std::uint8_t>(24 * 32 * 3)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(i * 37);
  }
  const Embedding embedding = encode(predictor, *model, image);
  std::vector<Prompt> prompts(2);
  prompts[0].points = {{3, 4}, {20, 30, PointLabel::kBackground}};
  prompts[1].points = {{5, 6}, {7, 8}};
  std::vector<Segmentation> results(2);
  const auto segment = [&](const Prompt* first, std::size_t count) {
    try {
      predictor.segment(embedding, first, count, {}, results.data());
    } catch (const sam::NotFinite&) {
    }
  };
  segment(prompts.data(), 2);
  Prompt refined;
  refined.box = Box{2, 2, 20, 20};
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  refined.mask_input.assign(side * side, 1.0F);
  segment(&refined, 1);
}

class HostileEngine : public testing::Test {
 protected:
  HostileEngine() { build(Precision::kFp32, "fp32"); }

  void build(Precision precision, const std::string& name) {
    const sam::SamCheckpoint checkpoint = test::random_checkpoint(test::small_sam());
    engine::CompileOptions options = compile_options();
    options.precision = sam::precision_plan(checkpoint.config, precision, options.target, false);
    test::build_engine_file(checkpoint, options, name, path_);
    bytes_ = test::read_bytes(path_);
    parts_ = test::split_engine(bytes_);
  }

  struct Outcome {
    bool loads = false;
    bool runs = false;
  };

  Outcome try_file(const std::string& bytes) const {
    test::write_bytes(path_, bytes);
    Outcome outcome;
    try {
      const auto model = test::load_engine_file(path_, compile_options(), false);
      outcome.loads = true;
      if (!is_small(*model)) return outcome;
      run(model);
      outcome.runs = true;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_NE(error.code(), ErrorCode::kInternal) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      if (outcome.loads) return outcome;
      EXPECT_EQ(message.find(path_), 0U) << message;
      EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile ||
                  error.code() == ErrorCode::kUnsupported)
          << message;
    }
    return outcome;
  }

  test::TempDir folder_;
  const std::string path_ = folder_ / "small.lasso";
  std::string bytes_;
  EngineBytes parts_;
};

// Changes at a place: one bit, one byte, a number in place of eight bytes, a byte less or more.
void mutate(std::string& text, std::size_t at, SplitMix64& random) {
  static const std::uint64_t numbers[] = {
      0, 1, ~std::uint64_t{0}, std::uint64_t{1} << 63, 0x7fffffff, std::uint64_t{1} << 40};
  switch (random.below(5)) {
    case 0:
      text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
      break;
    case 1:
      text[at] = static_cast<char>(random.next());
      break;
    case 2:
      if (at + 8 <= text.size()) std::memcpy(text.data() + at, &numbers[random.below(6)], 8);
      break;
    case 3:
      text.erase(at, 1 + random.below(8));
      break;
    default:
      text.insert(at, 1, static_cast<char>(random.next()));
  }
}

TEST_F(HostileEngine, EveryTruncationIsRefused) {
  for (std::size_t size = 0; size < bytes_.size(); size += size < 1000 ? 13 : 4099) {
    EXPECT_FALSE(try_file(bytes_.substr(0, size)).loads) << "cut off at " << size;
  }
  EXPECT_FALSE(try_file(bytes_.substr(0, bytes_.size() - 1)).loads);
}

// In two precisions, whose kernels read their weights as floats and as integers.
class DamagedEngine : public HostileEngine, public testing::WithParamInterface<Precision> {
 protected:
  DamagedEngine() {
    if (GetParam() == Precision::kInt8) build(GetParam(), "int8");
  }
};

// Half in the header, its tables, the programs and the description, half anywhere.
TEST_P(DamagedEngine, AThousandMutationsAreRefusedOrHarmless) {
  SplitMix64 random(1);
  const std::size_t after_weights = bytes_.find(parts_.programs);
  const std::size_t structure = test::kEngineHeaderBytes + bytes_.size() - after_weights;
  int loads = 0;
  int runs = 0;
  for (int i = 0; i < kMutations; ++i) {
    std::string changed = bytes_;
    std::size_t at = random.below(bytes_.size());
    if (i % 2 == 0) {
      at = random.below(structure);
      if (at >= test::kEngineHeaderBytes) at += after_weights - test::kEngineHeaderBytes;
    }
    mutate(changed, at, random);
    const Outcome outcome = try_file(changed);
    loads += outcome.loads ? 1 : 0;
    runs += outcome.runs ? 1 : 0;
    // Only changes of weights and of what lies between the sections get through.
    if (outcome.loads && changed != bytes_) {
      EXPECT_TRUE(at >= test::kEngineHeaderBytes && changed.size() == bytes_.size()) << at;
    }
  }
  std::printf("%d of %d mutations load, %d run\n", loads, kMutations, runs);
  EXPECT_EQ(runs, loads);
  EXPECT_GT(loads, kMutations / 8);
  EXPECT_LT(loads, kMutations / 2);
  EXPECT_TRUE(try_file(bytes_).runs);
}

// The same in programs and description with checksums that match, as somebody who means harm would
// write them. A number becomes another one, or a token another token.
TEST_P(DamagedEngine, LiesWithMatchingChecksumsAreRefusedOrHarmless) {
  SplitMix64 random(2);
  static const char* numbers[] = {"0",  "1",   "2",    "-1",         "3",          "5",
                                  "7",  "16",  "63",   "64",         "65",         "127",
                                  "96", "128", "4096", "2147483647", "4294967296", "1e9"};
  int loads = 0;
  int runs = 0;
  for (int i = 0; i < kLies; ++i) {
    EngineBytes changed = parts_;
    std::string& json = i % 8 == 0 ? changed.meta : changed.programs;
    for (std::size_t repeat = random.below(3) + 1; repeat > 0; --repeat) {
      std::size_t at = random.below(json.size());
      if (i % 4 == 3) {
        mutate(json, at, random);
        continue;
      }
      while (at < json.size() && std::isdigit(static_cast<unsigned char>(json[at])) == 0) ++at;
      std::size_t end = at;
      while (end < json.size() && std::isdigit(static_cast<unsigned char>(json[end])) != 0) ++end;
      json.replace(at, end - at, numbers[random.below(std::size(numbers))]);
    }
    const Outcome outcome = try_file(test::join_engine(changed));
    loads += outcome.loads ? 1 : 0;
    runs += outcome.runs ? 1 : 0;
  }
  // Some change nothing that matters: an activation's attribute, a typical size.
  std::printf("%d of %d lies load, %d run\n", loads, kLies, runs);
  EXPECT_GT(runs, kLies / 100);
  EXPECT_LT(loads, kLies / 4);
}

INSTANTIATE_TEST_SUITE_P(Precisions, DamagedEngine,
                         testing::Values(Precision::kFp32, Precision::kInt8), [](const auto& info) {
                           return info.param == Precision::kFp32 ? "Fp32" : "Int8";
                         });

// With the checksum of the weights no byte of a file goes unread.
TEST_F(HostileEngine, EveryFlippedByteIsFoundWithVerify) {
  SplitMix64 random(3);
  for (int i = 0; i < 300; ++i) {
    // The first bytes of the file, where the header's tables and the zeros behind them are, and
    // any.
    const std::size_t at = random.below(i % 2 == 0 ? 2 * test::kEngineHeaderBytes : bytes_.size());
    std::string changed = bytes_;
    changed[at] = static_cast<char>(changed[at] ^ (1 + random.below(255)));
    test::write_bytes(path_, changed);
    EXPECT_THROW(test::load_engine_file(path_, compile_options(), true), Error) << "byte " << at;
  }
}

TEST_F(HostileEngine, ProgramsAreThoseThatAPredictorRuns) {
  const auto refused = [&](const char* from, const char* to, bool meta) {
    EngineBytes changed = parts_;
    std::string& json = meta ? changed.meta : changed.programs;
    ASSERT_TRUE(test::replace_once(json, from, to)) << from;
    test::write_bytes(path_, test::join_engine(changed));
    EXPECT_ERROR(test::load_engine_file(path_, compile_options(), true), ErrorCode::kCorruptFile,
                 path_);
  };
  refused(R"("name":"mask_decoder")", R"("name":"decoder")", false);
  refused(R"("image_size":32)", R"("image_size":64)", true);
  refused(R"("prompt_dim":32)", R"("prompt_dim":64)", true);
  refused(R"("num_multimask_outputs":2)", R"("num_multimask_outputs":3)", true);
  refused(R"("patch_size":8)", R"("patch_size":0)", true);
  refused(R"("resize":"longest_side")", R"("resize":"shortest_side")", true);
  refused(R"("name":"sam")", R"("name":"s a m")", true);
  refused(R"("depth":2,)", "", true);
}

}  // namespace
}  // namespace lasso
