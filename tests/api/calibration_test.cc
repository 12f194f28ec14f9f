// What lower precisions cost on the evaluation set, and that it is the fast kernels that run.
#include "lasso/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "lasso/mask.h"
#include "lasso/segmenter.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

constexpr auto kInvalid = ErrorCode::kInvalidArgument;

std::string model_path() { return test::source_dir() + "/models/lasso-tiny.pth"; }

struct Object {
  Prompt click;
  Rle truth;
};
struct Scene {
  std::string path;
  std::vector<Object> objects;
};

// Scenes [first, first + count) of the evaluation set.
std::vector<Scene> scenes(std::size_t first, std::size_t count) {
  const std::string folder = test::source_dir() + "/models/eval/";
  std::ifstream in(folder + "annotations.json");
  const Json json = Json::parse(in);
  std::vector<Scene> result;
  for (std::size_t i = first; i < first + count; ++i) {
    const Json& image = json.at("images").at(i);
    Scene scene{folder + image.at("file").get<std::string>(), {}};
    for (const Json& object : image.at("objects")) {
      const Json& click = object.at("click");
      Object one;
      one.click.points = {{click[0].get<float>(), click[1].get<float>(), PointLabel::kForeground}};
      one.truth = rle_from_string(object.at("rle").get<std::string>(), image.at("width").get<int>(),
                                  image.at("height").get<int>());
      scene.objects.push_back(std::move(one));
    }
    result.push_back(std::move(scene));
  }
  return result;
}

std::vector<Mask> masks_of(const Engine& engine, const std::vector<Scene>& scenes) {
  Segmenter segmenter(engine);
  std::vector<Mask> masks;
  for (const Scene& scene : scenes) {
    const Embedding embedding = segmenter.encode(read_image(scene.path).view());
    std::vector<Prompt> prompts;
    for (const Object& object : scene.objects) prompts.push_back(object.click);
    for (Segmentation& answer : segmenter.segment(embedding, prompts)) {
      masks.push_back(std::move(answer.masks.front()));
    }
  }
  return masks;
}

double mean_iou(const std::vector<Mask>& a, const std::vector<Mask>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += mask_iou(a[i], b[i]);
  return sum / static_cast<double>(a.size());
}

std::vector<Mask> truths(const std::vector<Scene>& scenes) {
  std::vector<Mask> masks;
  for (const Scene& scene : scenes) {
    for (const Object& object : scene.objects) masks.push_back(decode_rle(object.truth));
  }
  return masks;
}

// The share of the encoder's work in linear layers that fast kernels of that precision do.
double share(const EngineInfo& info, const std::string& precision) {
  double all = 0;
  double part = 0;
  for (const ProgramInfo& program : info.programs) {
    if (program.name != "image_encoder") continue;
    for (const LayerInfo& layer : program.layers) {
      if (layer.op != "linear") continue;
      all += layer.gflop;
      if (layer.precision == precision && layer.isa != "reference") part += layer.gflop;
    }
  }
  return part / all;
}

constexpr std::size_t kScenes = 12;

class Precisions : public testing::Test {
 protected:
  static const std::vector<Scene>& set() {
    static const std::vector<Scene> instance = scenes(0, kScenes);
    return instance;
  }
  static const std::vector<Mask>& fp32_masks() {
    static const std::vector<Mask> instance = masks_of(Engine::build(model_path()), set());
    return instance;
  }
  // At most half a point of mean IoU with the truth is lost.
  static void expect_truth(const std::vector<Mask>& masks) {
    const std::vector<Mask> truth = truths(set());
    EXPECT_GE(mean_iou(masks, truth), mean_iou(fp32_masks(), truth) - 0.005);
  }
};

TEST_F(Precisions, Bf16KeepsMasks) {
  if (!test::has_bf16()) GTEST_SKIP() << "no AVX-512 BF16";
  EngineOptions options;
  options.precision = Precision::kBf16;
  const Engine engine = Engine::build(model_path(), options);
  const std::vector<Mask> masks = masks_of(engine, set());
  EXPECT_GE(mean_iou(masks, fp32_masks()), 0.995);
  EXPECT_GE(share(engine.info(), "bf16"), 0.95);
  expect_truth(masks);
}

TEST_F(Precisions, AutoKeepsMasksWithMostWorkInInt8) {
  EngineOptions options;
  options.precision = Precision::kAuto;
  CalibrationOptions calibration;
  calibration.min_iou = 0.99;  // on random pictures
  const Calibrated result = calibrate(model_path(), options, calibration);
  ASSERT_TRUE(result.engine.has_value());
  EXPECT_TRUE(result.report.accepted);
  ASSERT_TRUE(result.engine->info().accuracy.has_value());
  EXPECT_GE(result.engine->info().accuracy->mean, 0.99);
  EXPECT_EQ(result.engine->info().precision, "auto");
  EXPECT_GE(share(result.engine->info(), "int8"), 0.8);
  const std::vector<Mask> masks = masks_of(*result.engine, set());
  EXPECT_GE(mean_iou(masks, fp32_masks()), 0.99);
  expect_truth(masks);
}

TEST(Calibration, ARefusedEngineIsNotThere) {
  EngineOptions options;
  options.precision = Precision::kInt8;
  CalibrationOptions calibration;
  calibration.count = 4;
  calibration.min_iou = 0.99999;
  int steps = 0;
  calibration.progress = [&](const std::string& stage, int, int) {
    EXPECT_FALSE(stage.empty());
    ++steps;
  };
  const Calibrated result = calibrate(model_path(), options, calibration);
  EXPECT_FALSE(result.report.accepted);
  EXPECT_FALSE(result.engine.has_value());
  EXPECT_GT(steps, 2);
}

TEST(Calibration, RefusesWhatCanNotWork) {
  CalibrationOptions calibration;
  calibration.images = {"nowhere.jpg", "neither.jpg"};
  EXPECT_ERROR(calibrate(model_path(), {}, calibration), kInvalid,
               "0 of 2 images can be used, and at least 4 are needed");
  EngineOptions options;
  options.precision = Precision::kAuto;
  options.memory_limit = 1 << 20;
  EXPECT_ERROR(calibrate(model_path(), options, {}), ErrorCode::kOutOfMemory, "the limit is 1 MiB");
  options.memory_limit = 0;
  EXPECT_ERROR(Engine::build(model_path(), options), kInvalid, "calibration");
}

}  // namespace
}  // namespace lasso
