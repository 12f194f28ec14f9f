#include "models/sam/calibrate/calibrate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "image/random_picture.h"
#include "models/calibration_set.h"
#include "models/sam/calibrate/calibration_prompts.h"
#include "models/sam/calibrate/mask_agreement.h"
#include "models/sam/precision.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/sam_files.h"

namespace lasso::sam {
namespace {

using test::data_path;

constexpr auto kInvalid = ErrorCode::kInvalidArgument;

const SamCheckpoint& micro() {
  static const SamCheckpoint checkpoint =
      load_sam_checkpoint(data_path("sam_micro/checkpoint.pth"));
  return checkpoint;
}

engine::CompileOptions compile_options() {
  engine::CompileOptions options;
  options.target = backend::test_target(1);
  return options;
}

CalibrationOptions few_pictures() {
  CalibrationOptions options;
  options.count = 4;
  options.prompts_per_image = 3;
  options.ranking_images = 1;
  return options;
}

CalibratedModel calibrate_micro(Precision precision, const CalibrationOptions& options) {
  return calibrate_model(micro(), preprocess_preset("sam"), compile_options(), precision, options);
}

// Pictures by name: "3" is made with the seed 3; "bad" can't be read.
Image numbered_picture(const std::string& name) {
  if (name.starts_with("bad")) throw Error(ErrorCode::kCorruptFile, name + ": not an image");
  return random_picture(64, 48, std::stoull(name));
}

CalibrationSet gather(const CalibrationOptions& options, int side) {
  return gather_pictures(options, side,
                         [side](const Image& image) { return reduced_to_square(image, side); });
}

std::vector<std::string> names_of(const CalibrationSet& set) {
  std::vector<std::string> names;
  for (const auto* part : {&set.choosing, &set.accepting}) {
    for (const CalibrationPicture& picture : *part) names.push_back(picture.name);
  }
  return names;
}

TEST(CalibrationSet, PartsAreDisjointAndUnreadableImagesAreNamed) {
  CalibrationOptions options;
  options.read = numbered_picture;
  options.images = {"1", "2", "bad1", "3", "4", "bad2", "5"};
  options.count = 5;
  const CalibrationSet set = gather(options, 128);
  EXPECT_EQ(set.choosing.size(), 3U);
  EXPECT_EQ(set.accepting.size(), 2U);
  const std::vector<std::string> names = names_of(set);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 5U);
  for (const std::string& skipped : set.skipped) {
    EXPECT_NE(skipped.find("not an image"), std::string::npos) << skipped;
  }
  EXPECT_EQ(names_of(gather(options, 128)), names);
  options.seed = 2;
  EXPECT_NE(names_of(gather(options, 128)), names);
}

TEST(CalibrationSet, CopiesOfAPictureAreNotOnBothSides) {
  CalibrationOptions options;
  options.read = [](const std::string& name) { return numbered_picture(name.substr(0, 1)); };
  options.images = {"1", "1 again", "2", "3", "4"};
  const CalibrationSet set = gather(options, 128);
  EXPECT_EQ(set.choosing.size() + set.accepting.size(), 4U);
  ASSERT_EQ(set.skipped.size(), 1U);
  EXPECT_NE(set.skipped.front().find("the same picture as"), std::string::npos);
}

TEST(CalibrationSet, LargeImagesAreReducedToTheModelsSquare) {
  CalibrationOptions options;
  options.read = [](const std::string& name) { return random_picture(300, 200, name.size()); };
  options.images = {"a", "bb", "ccc", "dddd"};
  const CalibrationSet set = gather(options, 128);
  EXPECT_EQ(set.choosing.front().image.width, 128);
  EXPECT_EQ(set.choosing.front().image.height, 85);
}

TEST(CalibrationSet, RefusesOptionsOutOfRangeAndTooFewImages) {
  CalibrationOptions options;
  options.read = numbered_picture;
  options.images = {"1", "2", "3", "bad"};
  EXPECT_ERROR(gather(options, 64), kInvalid,
               "3 of 4 images can be used, and at least 4 are needed");
  options.images = {"1"};
  EXPECT_ERROR(gather(options, 64), kInvalid, "1 of 1 image can be used");
  options.images = {"1", "2", "3", "4"};
  options.min_iou = 0;
  EXPECT_ERROR(gather(options, 64), kInvalid, "min_iou is 0");
  options.min_iou = 1.5;
  EXPECT_ERROR(gather(options, 64), kInvalid, "at most 1");
  options.min_iou = 1;
  options.count = 3;
  EXPECT_ERROR(gather(options, 64), kInvalid, "count is 3");
  options.count = 4;
  options.prompts_per_image = 0;
  EXPECT_ERROR(gather(options, 64), kInvalid, "prompts_per_image is 0");
  options.prompts_per_image = 1;
  options.read = [](const std::string&) { return Image{100, 100, PixelFormat::kRgb, {1, 2, 3}}; };
  EXPECT_ERROR(gather(options, 64), kInvalid, "needs 30000 bytes, and has 3");
}

TEST(SpreadPoints, AreStrictlyInsideAndInEveryQuarter) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::set<std::pair<bool, bool>> quarters;
    for (const Prompt& prompt : spread_points(40, 30, 16, seed)) {
      const Point& point = prompt.points.front();
      EXPECT_TRUE(point.x >= 1 && point.x <= 38 && point.y >= 1 && point.y <= 28);
      quarters.emplace(point.x < 20, point.y < 15);
    }
    EXPECT_EQ(quarters.size(), 4U);
  }
  EXPECT_EQ(spread_points(1, 1, 1, 0).front().points.front().x, 0);
}

TEST(DrawnPrompts, AreTheSameForTheSameSeedAndHaveOneToFivePoints) {
  const auto model = std::make_shared<const SamModel>(
      compile_model(micro(), preprocess_preset("sam"), compile_options()));
  Predictor predictor(model, 1);
  const Image image = random_picture(64, 48, 3);
  const Embedding embedding = predictor.encode(image.view());
  const std::vector<Prompt> prompts = drawn_prompts(predictor, embedding, 6, 1);
  const std::vector<Prompt> again = drawn_prompts(predictor, embedding, 6, 1);
  ASSERT_TRUE(!prompts.empty() && prompts.size() <= 6 && prompts.size() == again.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<Point>& points = prompts[i].points;
    ASSERT_TRUE(!points.empty() && points.size() <= 5 && points.size() == again[i].points.size());
    for (std::size_t k = 0; k < points.size(); ++k) {
      EXPECT_EQ(points[k].x, again[i].points[k].x);
      EXPECT_EQ(points[k].y, again[i].points[k].y);
    }
  }
}

TEST(Agreement, IsTheMeanOverMasks) {
  const Mask full{2, 1, {1, 1}};
  const Mask half{2, 1, {1, 0}};
  Agreement agreement;
  agreement.add({{full, full}, 9}, encoded({full, full}));
  agreement.add({{half}, 3}, encoded({full}));
  agreement.add({{full}, 5}, encoded({full}));
  EXPECT_DOUBLE_EQ(agreement.mean(), 3.5 / 4);
  EXPECT_DOUBLE_EQ(agreement.lowest(), 0.5);
  EXPECT_EQ(agreement.images(), 3);
  EXPECT_EQ(agreement.masks(), 4);
  // Of 1, 1/2, 1: s = sqrt(1/12), divided by sqrt(3).
  EXPECT_NEAR(agreement.standard_error(), 1.0 / 6, 1e-12);
  EXPECT_DOUBLE_EQ(agreement.median_encode_ms(), 4);  // the first run does not count
}

TEST(Agreement, PairsOfEmptyMasksAreNoEvidence) {
  const Mask full{2, 1, {1, 1}};
  const Mask half{2, 1, {0, 1}};
  const Mask empty{2, 1, {0, 0}};
  Agreement agreement;
  EXPECT_EQ(agreement.mean(), 0);
  EXPECT_EQ(agreement.lowest(), 0);
  agreement.add({{empty, empty}, 1}, encoded({empty, empty}));
  EXPECT_EQ(agreement.mean(), 0);
  EXPECT_EQ(agreement.lowest(), 0);
  EXPECT_EQ(agreement.images(), 0);
  EXPECT_EQ(agreement.masks(), 0);
  EXPECT_EQ(agreement.empty_pairs(), 2);
  // One empty mask of a pair has IoU 0, whichever it is.
  agreement.add({{empty, full, half, empty}, 1}, encoded({empty, full, empty, half}));
  EXPECT_DOUBLE_EQ(agreement.mean(), 1.0 / 3);
  EXPECT_EQ(agreement.lowest(), 0);
  EXPECT_EQ(agreement.images(), 1);
  EXPECT_EQ(agreement.masks(), 3);
  EXPECT_EQ(agreement.empty_pairs(), 3);
  agreement.add({{full}, 1}, encoded({full}));
  EXPECT_DOUBLE_EQ(agreement.mean(), 2.0 / 4);
  // Of 1/3 and 1: s = sqrt(2/9), divided by sqrt(2).
  EXPECT_NEAR(agreement.standard_error(), 1.0 / 3, 1e-12);
  // What is not finite has no masks, and IoU 0 with any.
  agreement.add({{}, 1}, encoded({empty, full}));
  EXPECT_DOUBLE_EQ(agreement.mean(), 2.0 / 6);
  EXPECT_EQ(agreement.empty_pairs(), 3);
}

// A model with other values in one tensor.
SamCheckpoint changed_micro(const std::vector<std::string>& names, float value) {
  SamCheckpoint checkpoint = micro();
  for (const std::string& name : names) {
    const Dims dims = checkpoint.weights.at(name).dims;
    const auto count = static_cast<std::size_t>(element_count(dims));
    checkpoint.weights.set(name, make_tensor(dims, std::vector<float>(count, value)));
  }
  return checkpoint;
}

TEST(Calibrate, AModelThatFindsNothingIsRefused) {
  const std::string last = "mask_decoder.output_hypernetworks_mlps.0.layers.2.";
  const SamCheckpoint blind = changed_micro({last + "weight", last + "bias"}, 0);
  for (const Precision precision : {Precision::kAuto, Precision::kInt8}) {
    const CalibrationReport report = calibrate_model(blind, preprocess_preset("sam"),
                                                     compile_options(), precision, few_pictures())
                                         .report;
    EXPECT_FALSE(report.accepted);
    EXPECT_EQ(report.accuracy.compared, 0);
    EXPECT_EQ(report.accuracy.images, 0);
    EXPECT_EQ(report.accuracy.without_evidence, 2);
    EXPECT_EQ(report.accuracy.mean, 0);
    ASSERT_EQ(report.trials.size(), 1U);
    EXPECT_EQ(report.trials.front().without_evidence, 2);
    EXPECT_EQ(report.trials.front().mean, 0);
    EXPECT_EQ(report.trials.front().int8_layers, static_cast<int>(report.layers.size()));
  }
}

TEST(Calibrate, AnswersThatAreNotFiniteHaveNoMasks) {
  const SamCheckpoint huge =
      changed_micro({"image_encoder.patch_embed.proj.bias", "image_encoder.pos_embed"}, 3e38F);
  Predictor predictor(std::make_shared<const SamModel>(
                          compile_model(huge, preprocess_preset("sam"), compile_options())),
                      1);
  CalibrationPicture picture{"a", random_picture(64, 48, 3), spread_points(64, 48, 3, 1)};
  EXPECT_TRUE(answer_of(predictor, picture).masks.empty());
  EXPECT_ERROR(predictor.encode(picture.image.view()), ErrorCode::kUnsupported,
               "that are not finite: in fp32");
}

TEST(AccuracyRecord, IsRefusedOutOfItsRanges) {
  const test::TempDir folder;
  const std::string path = folder / "a.lasso";
  SamModel model = compile_model(micro(), preprocess_preset("sam"), compile_options());
  model.precision = "int8";
  AccuracyRecord good{AgreementMeasure::kMaskIou, 0.99, 0.995, 0.001, 0.8, 0, 16, 200, 3, true, 1};
  const auto load = [&](const AccuracyRecord& accuracy) {
    model.accuracy = accuracy;
    engine::write_engine_file(path, *model.module, record_of(model));
    return test::load_engine_file(path, compile_options(), false);
  };
  EXPECT_EQ(load(good)->accuracy->standard_error, 0.001);
  EXPECT_EQ(load(good)->accuracy->without_evidence, 3);
  for (double AccuracyRecord::*iou : {&AccuracyRecord::aim, &AccuracyRecord::mean,
                                      &AccuracyRecord::standard_error, &AccuracyRecord::lowest}) {
    AccuracyRecord bad = good;
    bad.*iou = 1.5;
    EXPECT_ERROR(load(bad), ErrorCode::kCorruptFile, "from 0 to 1");
    bad.*iou = -0.5;
    EXPECT_ERROR(load(bad), ErrorCode::kCorruptFile, "from 0 to 1");
  }
  for (int AccuracyRecord::*count : {&AccuracyRecord::images, &AccuracyRecord::compared,
                                     &AccuracyRecord::without_evidence, &AccuracyRecord::seed}) {
    AccuracyRecord bad = good;
    bad.*count = -1;
    EXPECT_ERROR(load(bad), ErrorCode::kCorruptFile, "negative");
  }
}

void expect_sound(const CalibrationReport& report) {
  EXPECT_EQ(std::count_if(report.trials.begin(), report.trials.end(),
                          [](const PrecisionTrial& trial) { return trial.chosen; }),
            1);
  double work = 2;
  for (const PrecisionTrial& trial : report.trials) {
    EXPECT_EQ(static_cast<std::size_t>(trial.int8_layers + trial.bf16_layers + trial.fp32_layers),
              report.layers.size());
    EXPECT_LE(trial.int8_work, work);  // the table goes one way
    work = trial.int8_work;
    EXPECT_TRUE(trial.mean >= trial.lowest && trial.mean <= 1);
  }
  for (const CalibratedLayer& layer : report.layers) {
    EXPECT_LE(layer.error, layer.plain_error) << layer.name;
  }
}

TEST(Calibrate, ChoosesTheSameEngineForTheSameSeed) {
  CalibrationOptions options = few_pictures();
  options.min_iou = 0.5;
  options.always_rank = true;
  const CalibrationReport first = calibrate_micro(Precision::kAuto, options).report;
  const CalibrationReport second = calibrate_micro(Precision::kAuto, options).report;
  expect_sound(first);
  EXPECT_EQ(first.accuracy.mean, second.accuracy.mean);
  ASSERT_EQ(first.layers.size(), lowerable_layers(micro().config).size());
  for (std::size_t i = 0; i < first.layers.size(); ++i) {
    EXPECT_EQ(first.layers[i].precision, second.layers[i].precision);
    EXPECT_EQ(first.layers[i].loss, second.layers[i].loss);
    EXPECT_TRUE(first.layers[i].loss.has_value());
  }
}

TEST(Calibrate, PerfectMasksTakeTheFp32Engine) {
  CalibrationOptions options = few_pictures();
  options.min_iou = 1;
  const CalibratedModel result = calibrate_micro(Precision::kAuto, options);
  expect_sound(result.report);
  EXPECT_TRUE(result.report.accepted);
  EXPECT_EQ(result.report.accuracy.mean, 1);
}

TEST(Calibrate, KeepsWhatIsAskedForAndRefusesIt) {
  CalibrationOptions options = few_pictures();
  options.min_iou = 1;
  const CalibratedModel result = calibrate_micro(Precision::kInt8, options);
  expect_sound(result.report);
  ASSERT_EQ(result.report.trials.size(), 1U);
  EXPECT_EQ(result.report.trials.front().int8_layers,
            static_cast<int>(result.report.layers.size()));
  EXPECT_LT(result.report.accuracy.mean, 1);
  EXPECT_FALSE(result.report.accepted);
}

TEST(Calibrate, ItsMemoryIsMoreThanThatOfBuildingAndGrowsWithTheImages) {
  CalibrationOptions options = few_pictures();
  const std::uint64_t few = calibration_memory(micro(), options);
  EXPECT_GT(few, build_memory(micro(), false));
  options.count = 4096;
  const std::uint64_t picture = 3 * micro().config.image_size * micro().config.image_size;
  EXPECT_GT(calibration_memory(micro(), options), few + 4000 * picture);
}

TEST(Calibrate, PartsOfTheReportAreDisjoint) {
  CalibrationOptions options = few_pictures();
  options.min_iou = 0.1;
  const CalibrationReport report = calibrate_micro(Precision::kInt8, options).report;
  std::set<std::string> names(report.choosing_images.begin(), report.choosing_images.end());
  for (const std::string& name : report.accepting_images) EXPECT_TRUE(names.insert(name).second);
  EXPECT_EQ(names.size(), 4U);
  EXPECT_TRUE(report.accuracy.random_pictures);
  EXPECT_EQ(report.accuracy.images, 2);
}

}  // namespace
}  // namespace lasso::sam
