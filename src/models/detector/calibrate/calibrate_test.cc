#include "models/detector/calibrate/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "graph/builder.h"
#include "image/random_picture.h"
#include "models/source.h"
#include "models/yolov7/family.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso::detector {
namespace {

// The detector that ships.
DetectorSource tiny_with(const std::map<std::string, std::int64_t>& sizes) {
  const ModelSource source(test::source_dir() + "/models/lasso-tiny-detector.pt");
  DescribeOptions options;
  options.fixed_sizes = sizes;
  const auto description = yolov7::family().describe(source, options);
  return {&yolov7::family(), description->record(), description->programs(), "tiny.pt"};
}

// On images of 160 x 160 pixels.
const DetectorSource& tiny() {
  static const DetectorSource instance = tiny_with({{"height", 160}, {"width", 160}});
  return instance;
}

CalibrationOptions pictures(int count) {
  CalibrationOptions options;
  options.count = count;
  options.ranking_images = 2;
  for (int i = 0; i < count; ++i) options.images.push_back(std::to_string(i));
  options.read = [](const std::string& name) {
    return random_picture(160, 120, std::stoull(name));
  };
  return options;
}

CalibratedDetector calibrated(Precision precision, const CalibrationOptions& options,
                              const DetectorSource& source = tiny()) {
  engine::CompileOptions compile;
  compile.target = backend::test_target(1);
  return calibrate_detector(source, compile, precision, options);
}

TEST(CalibrateDetector, ReducedPicturesAreTheSameToTheNetwork) {
  const auto input = [](const Image& image, const LetterboxTarget& target) {
    const Letterbox box = letterbox_of(image.width, image.height, target);
    std::vector<float> values(3 * static_cast<std::size_t>(box.input_width) *
                              static_cast<std::size_t>(box.input_height));
    LetterboxScratch scratch;
    letterbox_image(box, image.view(), scratch, values.data());
    return std::pair{box.input_width, values};
  };
  const LetterboxTarget square{160, 160, 0};
  const LetterboxTarget rectangle{160, 160, 32};
  const LetterboxTarget wide{160, 96, 0};
  for (const LetterboxTarget& target : {square, rectangle, wide}) {
    for (const auto& [width, height] :
         {std::pair{161, 160}, {160, 97}, {403, 299}, {77, 501}, {999, 3}}) {
      const Image image = random_picture(width, height, 1);
      const Image reduced = reduced_to_network(image, target);
      EXPECT_LE(reduced.width, target.width);
      EXPECT_LE(reduced.height, target.height);
      EXPECT_EQ(input(reduced, target), input(image, target)) << width << "x" << height;
    }
  }
  const Image small = random_picture(100, 96, 1);
  EXPECT_EQ(reduced_to_network(small, wide).pixels, small.pixels);
}

TEST(CalibrateDetector, Fp32AgreesWithItself) {
  const CalibratedDetector result = calibrated(Precision::kFp32, pictures(6));
  const CalibrationReport& report = result.report;
  EXPECT_TRUE(report.accepted);
  EXPECT_EQ(report.accuracy.measure, AgreementMeasure::kBoxPrecision);
  EXPECT_EQ(report.accuracy.aim, 0);  // whatever it is, it is recorded
  EXPECT_DOUBLE_EQ(report.accuracy.mean, 1);
  EXPECT_DOUBLE_EQ(report.accuracy.mean_50, 1);
  EXPECT_EQ(report.accuracy.images + report.accuracy.without_evidence, 3);
  EXPECT_GT(report.accuracy.compared, 0);
  // All convolutions but the first and those of three maps.
  EXPECT_EQ(report.layers.size(), 54U);
  double work = 0;
  for (const CalibratedLayer& layer : report.layers) work += layer.work;
  EXPECT_GT(work, 0.9);
  EXPECT_LT(work, 1);
  EXPECT_NE(result.model.record.accuracy, "");
}

TEST(CalibrateDetector, Int8KnowsWhatItsLayersRead) {
  const CalibratedDetector result = calibrated(Precision::kInt8, pictures(6));
  const CalibrationReport& report = result.report;
  const auto& plan = result.model.module->options.precision.layers;
  double joined_low = 0;
  for (const CalibratedLayer& layer : report.layers) {
    EXPECT_EQ(layer.precision, Precision::kInt8);
    if (layer.name == "35.conv.weight") joined_low = layer.input_low;
    // LeakyReLU's results: a tenth of what is negative is left.
    EXPECT_LT(layer.input_low, 0);
    EXPECT_GT(layer.input_high, 0);
    EXPECT_LT(layer.error, 2e-3) << layer.name;
    EXPECT_LE(layer.error, layer.plain_error);
    EXPECT_EQ(plan.at(layer.name).weights, DType::kI8);
    EXPECT_EQ(static_cast<double>(plan.at(layer.name).input.low), layer.input_low);
    EXPECT_EQ(static_cast<double>(plan.at(layer.name).input.high), layer.input_high);
  }
  // It reads four images as one: the first has the largest numbers under windows of 13 pixels, and
  // the last what they are the largest of, where there are negative ones.
  EXPECT_LT(joined_low, -0.05);
  ASSERT_EQ(report.trials.size(), 1U);
  EXPECT_TRUE(report.trials.front().chosen);
  EXPECT_GT(report.trials.front().int8_work, 0.9);
  EXPECT_GT(report.accuracy.mean, 0.8);
  EXPECT_LT(report.accuracy.mean, 1);
  EXPECT_TRUE(report.accepted);
}

// The places of a batch that no picture needs would make the ranges narrower, by an eighth here.
TEST(CalibrateDetector, ABatchSeesNothingButPictures) {
  const auto width_of = [](const DetectorSource& source) {
    double width = 0;
    for (const CalibratedLayer& layer :
         calibrated(Precision::kInt8, pictures(4), source).report.layers) {
      width += layer.input_high - layer.input_low;
    }
    return width;
  };
  const double one = width_of(tiny());
  EXPECT_NEAR(width_of(tiny_with({{"height", 160}, {"width", 160}, {"batch", 4}})), one,
              0.05 * one);
}

TEST(CalibrateDetector, AutoReachesWhatIsAskedForWhereItChooses) {
  CalibrationOptions options = pictures(6);
  options.min_map = 1;
  options.always_rank = true;
  options.ranking_images = 1;
  const CalibrationReport report = calibrated(Precision::kAuto, options).report;
  EXPECT_EQ(report.lowest, Precision::kInt8);
  EXPECT_EQ(report.accuracy.aim, 1);
  EXPECT_EQ(report.accepted, report.accuracy.mean == 1);
  for (const CalibratedLayer& layer : report.layers) EXPECT_TRUE(layer.loss.has_value());
  int chosen = 0;
  for (const PrecisionTrial& trial : report.trials) {
    EXPECT_EQ(static_cast<std::size_t>(trial.int8_layers + trial.bf16_layers + trial.fp32_layers),
              report.layers.size());
    if (!trial.chosen) continue;
    ++chosen;
    EXPECT_EQ(trial.mean, 1);
  }
  EXPECT_EQ(chosen, 1);
}

TEST(CalibrateDetector, RefusesWhatIsNotReached) {
  CalibrationOptions options = pictures(6);
  options.min_map = 0.9999;
  EXPECT_FALSE(calibrated(Precision::kInt8, options).report.accepted);
  options.min_map = 1.5;
  EXPECT_ERROR(calibrated(Precision::kInt8, options), ErrorCode::kInvalidArgument,
               "min_map is 1.5");
  EXPECT_ERROR(calibrated(Precision::kInt8, pictures(3)), ErrorCode::kInvalidArgument,
               "count is 3: expected 4");
}

// It is the fp32 engine that says so.
TEST(CalibrateDetector, RefusesAModelThatIsNotFinite) {
  DetectorSource source = tiny();
  source.record.precision = "int8";
  for (graph::Value& value : source.module.programs.front().values) {
    if (value.name != "1.conv.weight") continue;
    const auto count = static_cast<std::size_t>(element_count(value.constant->dims));
    value.constant = make_tensor(value.constant->dims, std::vector<float>(count, std::nanf("")));
  }
  EXPECT_ERROR(calibrated(Precision::kInt8, pictures(4), source), ErrorCode::kUnsupported,
               "are not finite: in fp32, the model leaves the range of its numbers");
}

TEST(CalibrateDetector, ItsMemoryGrowsWithTheImages) {
  const std::uint64_t few = calibration_memory(tiny(), pictures(4));
  CalibrationOptions many;
  many.count = 4096;
  EXPECT_GT(few, 4U * 16 * 16 * 4 * sizeof(float));  // the largest value
  EXPECT_GT(calibration_memory(tiny(), many), few + 4000U * 3 * 32 * 32);
}

// A program may have neither inputs nor outputs that tell anything.
TEST(CalibrateDetector, RefusesWhatIsNoDetector) {
  DetectorSource source = tiny();
  graph::Builder b("constant");
  b.output(
      b.add("y", graph::Unary{}, {b.constant("x", make_tensor({1}, std::vector<float>{1.0F}))}),
      "y");
  source.module.programs = {b.finish()};
  const char* why =
      "tiny.pt: a model of the family \"yolov7\" that is no detector (it takes nothing";
  EXPECT_ERROR(calibration_memory(source, pictures(4)), ErrorCode::kUnsupported, why);
  engine::CompileOptions compile;
  compile.target = backend::test_target(1);
  EXPECT_ERROR(calibrate_detector(source, compile, Precision::kInt8, pictures(4)),
               ErrorCode::kUnsupported, why);
}

}  // namespace
}  // namespace lasso::detector
