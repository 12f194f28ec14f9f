// YOLOv7's checkpoints against what PyTorch computes with the code of their repository.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/random.h"
#include "formats/npy/npy.h"
#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;
using test::capped;

constexpr double kTolerance = 1e-5;  // relative, in the norm

struct Golden {
  const char* folder;
  const char* model;  // EngineInfo::model
};

std::string folder_of(const std::string& name) {
  const std::string own = test::data_path(name);
  return fs::exists(own) ? own : test::golden_path(name);
}

std::vector<double> run(const Engine& engine, const Tensor& images) {
  Runner runner(engine);
  return test::numbers(runner.run({{"images", test::view_of(images)}}).at("output"));
}

class Detectors : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    folder_ = folder_of(GetParam().folder);
    if (!fs::exists(folder_)) GTEST_SKIP() << folder_ << " is not there";
  }
  std::string checkpoint() const { return folder_ + "/checkpoint.pt"; }
  Tensor images() const { return read_npy(folder_ + "/input.npy"); }
  std::vector<double> expected() const {
    return test::numbers(read_npy(folder_ + "/raw_output.npy"));
  }

  std::string folder_;
};

TEST_P(Detectors, GivePytorchsResults) {
  const Engine engine = Engine::build(checkpoint(), capped());
  EXPECT_EQ(engine.info().family, "yolov7");
  EXPECT_EQ(engine.info().model, GetParam().model);
  const std::vector<double> seen = run(engine, images());
  const std::vector<double> expected = this->expected();
  ASSERT_EQ(seen.size(), expected.size());
  const double error = test::relative_error(seen, expected);
  EXPECT_LE(error, kTolerance);
  RecordProperty("relative_error", fmt::format("{}", error));
}

TEST_P(Detectors, RunFromEngineFilesOfFixedSizes) {
  const test::TempDir dir;
  EngineOptions options = capped();
  const Tensor images = this->images();
  options.fixed_sizes = {
      {"batch", images.dims[0]}, {"height", images.dims[2]}, {"width", images.dims[3]}};
  const Engine engine = Engine::build_file(checkpoint(), dir / "a.lasso", options);
  EXPECT_EQ(
      engine.info().programs.at(0).arguments.at(0).shape,
      (std::vector<std::string>{std::to_string(images.dims[0]), "3", std::to_string(images.dims[2]),
                                std::to_string(images.dims[3])}));
  EXPECT_LE(test::relative_error(run(engine, images), expected()), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, Detectors,
    testing::Values(Golden{"yolov7_blocks", "YOLOv7 of 22 blocks, 3 classes"},
                    Golden{"yolov7_pt", "YOLOv7 of width 0.25, 80 classes"},
                    Golden{"yolov7_tiny_pt", "YOLOv7-tiny of width 0.25, 20 classes"},
                    Golden{"yolov7_deploy_pt", "YOLOv7 of width 0.25, 80 classes"}),
    [](const auto& info) { return std::string(info.param.folder); });

// One engine takes images of any sides that are multiples of the largest stride.
TEST(Detector, SidesOfEveryShape) {
  const std::string checkpoint = folder_of("yolov7_blocks") + "/checkpoint.pt";
  const Engine engine = Engine::build(checkpoint, capped());
  EngineOptions plain;
  plain.kernels = Kernels::kReference;
  const Engine reference = Engine::build(checkpoint, plain);
  SplitMix64 random(5);
  for (const Dims& dims : {Dims{1, 3, 64, 64}, Dims{1, 3, 192, 64}, Dims{3, 3, 64, 128}}) {
    std::vector<float> values(static_cast<std::size_t>(element_count(dims)));
    for (float& value : values) value = random.uniform();
    const Tensor images = make_tensor(dims, values);
    const std::vector<double> seen = run(engine, images);
    const auto cells = dims[2] / 8 * (dims[3] / 8) * 85 / 64;  // 1 + 1/4 + 1/16 + 1/64 of them
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(dims[0] * cells * 2 * 8));
    EXPECT_LE(test::relative_error(seen, run(reference, images)), kTolerance);
  }
  Runner runner(engine);
  const auto given = [&](const Dims& dims) {
    const Tensor images =
        make_tensor(dims, std::vector<float>(static_cast<std::size_t>(element_count(dims))));
    runner.run({{"images", test::view_of(images)}});
  };
  EXPECT_ERROR(given({1, 3, 64, 96}), ErrorCode::kInvalidArgument,
               "dimension 3 is 96, and a multiple of 64 is expected");
  EXPECT_ERROR(given({1, 4, 64, 64}), ErrorCode::kInvalidArgument,
               "[batch, 3, 64*rows, 64*columns]");
  EXPECT_ERROR(given({1, 3, 0, 64}), ErrorCode::kInvalidArgument, "rows must be at least 1");
}

TEST(Detector, FixedSizesAreChecked) {
  const std::string checkpoint = folder_of("yolov7_blocks") + "/checkpoint.pt";
  const auto build = [&](const std::map<std::string, std::int64_t>& sizes) {
    EngineOptions options;
    options.fixed_sizes = sizes;
    return Engine::preview(checkpoint, options).info.programs.at(0).arguments.at(0).shape.at(2);
  };
  EXPECT_EQ(build({{"rows", 3}}), "192");
  EXPECT_EQ(build({{"width", 128}}), "64*rows");
  EXPECT_ERROR(build({{"height", 96}}), ErrorCode::kInvalidArgument, "a multiple of 64");
  EXPECT_ERROR(build({{"height", 64}, {"rows", 1}}), ErrorCode::kInvalidArgument,
               "rows=1: that size");
  EXPECT_ERROR(build({{"side", 64}}), ErrorCode::kInvalidArgument, "no size \"side\"");
  EXPECT_ERROR(build({{"batch", 0}}), ErrorCode::kInvalidArgument, "batch=0");
}

}  // namespace
}  // namespace lasso
