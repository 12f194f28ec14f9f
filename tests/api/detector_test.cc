// The public class on detectors whose results are known, and on the exports of the reference data.
#include "lasso/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lasso/image.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_detectors.h"

namespace lasso {
namespace {

constexpr auto kInvalid = ErrorCode::kInvalidArgument;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// All pixels of one value.
Image gray(int width, int height, std::uint8_t value = 0) {
  Image image{width, height, PixelFormat::kGray, {}};
  image.pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), value);
  return image;
}

class DetectorTest : public testing::Test {
 protected:
  Engine engine(const std::string& bytes, const EngineOptions& options = test::capped()) {
    return Engine::build(test::write_detector(folder_ / "model.onnx", bytes), options);
  }
  Engine constant(const std::vector<test::DetectorRow>& rows) {
    return engine(test::constant_detector(rows));
  }

  test::TempDir folder_;
};

void expect_detection(const Detection& found, const Box& box, float score, int label) {
  EXPECT_NEAR(found.box.x0, box.x0, 1e-3);
  EXPECT_NEAR(found.box.y0, box.y0, 1e-3);
  EXPECT_NEAR(found.box.x1, box.x1, 1e-3);
  EXPECT_NEAR(found.box.y1, box.y1, 1e-3);
  EXPECT_NEAR(found.score, score, 1e-6);
  EXPECT_EQ(found.class_id, label);
}

// Three boxes, of which one covers another of its class; and one that leaves the image.
const std::vector<test::DetectorRow> kRows{{16, 16, 8, 4, 0.5F, 0.5F, 1},
                                           {16, 16, 8, 4, 0.5F, 0.75F, 0},
                                           {17, 16, 8, 4, 0.5F, 0.25F, 0.75F},
                                           {4, 24, 16, 32, 1, 0.25F, 0.875F}};

TEST_F(DetectorTest, BoxesAreOfTheImage) {
  Detector detector(constant(kRows));
  EXPECT_EQ(detector.info().form, DetectorForm::kBoxes);
  EXPECT_EQ(detector.info().classes, 2);
  // 64 x 48 becomes 32 x 24, below 4 rows of the border.
  const std::vector<Detection> found = detector.detect(gray(64, 48).view());
  ASSERT_EQ(found.size(), 3U);
  expect_detection(found[0], {0, 8, 24, 48}, 0.875F, 1);
  expect_detection(found[1], {24, 20, 40, 28}, 0.5F, 1);
  expect_detection(found[2], {24, 20, 40, 28}, 0.375F, 0);
}

TEST_F(DetectorTest, OptionsOfACall) {
  Detector detector(constant(kRows));
  const Image image = gray(32, 32);
  const auto count = [&](const DetectOptions& options) {
    return detector.detect(image.view(), options).size();
  };
  DetectOptions options;
  options.conf_thres = 0.375;
  EXPECT_EQ(count(options), 2U) << "the threshold itself is not above it";
  options = {};
  options.iou_thres = 0.9;
  EXPECT_EQ(count(options), 4U);
  options = {};
  options.topk = 1;
  EXPECT_EQ(count(options), 1U);
  options = {};
  options.classes = {0};
  EXPECT_EQ(count(options), 1U);
  options = {};
  options.agnostic = true;
  EXPECT_EQ(count(options), 2U);
  options = {};
  options.conf_thres = 0.24;
  options.multi_label = true;
  EXPECT_EQ(count(options), 4U) << "the box that leaves the image is of both classes";
  options = {};
  options.conf_thres = 1;
  EXPECT_EQ(count(options), 0U);
  EXPECT_EQ(count({}), 3U) << "options are of a call";
}

TEST_F(DetectorTest, ArraysOfSeveralImages) {
  Detector detector(constant(kRows));
  const Image wide = gray(64, 48);
  const Image square = gray(32, 32);
  DetectionArrays arrays;
  DetectOptions options;
  options.topk = 5;
  detector.detect({wide.view(), square.view(), wide.view()}, options, &arrays);
  EXPECT_EQ(arrays.images, 3);
  EXPECT_EQ(arrays.capacity, 5);
  EXPECT_EQ(arrays.num_detections, (std::vector<std::int32_t>{3, 3, 3}));
  ASSERT_EQ(arrays.boxes.size(), 60U);
  ASSERT_EQ(arrays.scores.size(), 15U);
  ASSERT_EQ(arrays.classes.size(), 15U);
  const std::vector<Detection> alone = detector.detect(square.view(), options);
  for (std::size_t i = 0; i < 3; ++i) {
    expect_detection(arrays.of(1)[i], alone[i].box, alone[i].score, alone[i].class_id);
  }
  expect_detection(arrays.of(2)[0], {0, 8, 24, 48}, 0.875F, 1);
  EXPECT_EQ(arrays.scores[3], 0.0F) << "zeros from the count on";
  EXPECT_EQ(arrays.boxes[13], 0.0F);
  EXPECT_ERROR(arrays.of(3), kInvalid, "image 3 of the detections of 3");
  // No images, and more than a run takes.
  detector.detect({}, options, &arrays);
  EXPECT_EQ(arrays.images, 0);
  EXPECT_EQ(arrays.boxes.size(), 0U);
  const DetectionArrays many = detector.detect(std::vector<ImageView>(19, square.view()));
  EXPECT_EQ(many.num_detections, std::vector<std::int32_t>(19, 3));
  EXPECT_EQ(many.capacity, 300);
}

// Places that no image has are run, too.
TEST_F(DetectorTest, ModelsOfOneBatchSize) {
  for (const std::int64_t batch : {1, 4}) {
    Detector detector(engine(test::constant_detector(kRows, test::onnx_dim(batch))));
    EXPECT_EQ(detector.info().batch, batch);
    const Image image = gray(32, 32);
    const auto arrays = detector.detect(std::vector<ImageView>(6, image.view()));
    EXPECT_EQ(arrays.num_detections, std::vector<std::int32_t>(6, 3));
  }
}

TEST_F(DetectorTest, ResultsMustBeFinite) {
  std::vector<test::DetectorRow> rows = kRows;
  rows[2][2] = kNan;
  Detector detector(constant(rows));
  const Image image = gray(32, 32);
  EXPECT_ERROR(detector.detect(image.view()), ErrorCode::kUnsupported,
               "the image: 1 boxes have values that are not finite: in fp32");
  EXPECT_ERROR(detector.detect(std::vector<ImageView>{image.view(), image.view()}),
               ErrorCode::kUnsupported, "image 0 of 2: 1 boxes");
  DetectOptions options;
  options.conf_thres = 0.5;
  EXPECT_EQ(detector.detect(image.view(), options).size(), 1U) << "it is no candidate";
}

TEST_F(DetectorTest, RefusesImagesAndOptions) {
  Detector detector(constant(kRows));
  const Image image = gray(8, 8);
  EXPECT_ERROR(detector.detect(ImageView{}), kInvalid, "it is empty");
  EXPECT_ERROR(detector.detect(std::vector<ImageView>{image.view(), ImageView{}}), kInvalid,
               "image 1 of 2: an image of 0x0 pixels");
  DetectOptions options;
  options.classes = {2};
  EXPECT_ERROR(detector.detect(image.view(), options), kInvalid, "class 2: expected 0 to 1");
  EXPECT_ERROR(detector.warm_up(0, 5), kInvalid, "0x5");
  DetectionArrays* none = nullptr;
  EXPECT_ERROR(detector.detect({}, {}, none), kInvalid, "result is null");
}

TEST_F(DetectorTest, RefusesOptionsOfTheModel) {
  const Engine fixed = constant(kRows);
  DetectorOptions options;
  options.size = 64;
  EXPECT_ERROR(Detector(fixed, options), kInvalid,
               "size is 64, and the model takes images of 32x32 alone");
  options.size = 32;
  EXPECT_NO_THROW(Detector(fixed, options));
  options = {};
  options.anchors = {1, 2};
  EXPECT_ERROR(Detector(fixed, options), kInvalid, "the model makes its boxes itself");
  const Engine maps = engine(test::white_detector());
  options.anchors = std::vector<float>(17, 8);
  EXPECT_ERROR(Detector(maps, options), kInvalid, "17 numbers are given for anchors");
  options.anchors = std::vector<float>(18, -8);
  EXPECT_ERROR(Detector(maps, options), kInvalid, "above 0");
  options.anchors = std::vector<float>(6, 8);
  EXPECT_EQ(Detector(maps, options).info().classes, 13) << "one anchor of 18 fields";
  options.anchors = std::vector<float>(24, 8);
  EXPECT_ERROR(Detector(maps, options), kInvalid, "4 anchors of each place");
}

TEST_F(DetectorTest, RefusesEnginesOfOtherModels) {
  EXPECT_ERROR(Detector(engine(test::onnx_shapes_model())), ErrorCode::kUnsupported,
               "of the family \"onnx\", is no detector: it takes \"x\"");
  EXPECT_EQ(engine(test::onnx_shapes_model()).info().detector, std::nullopt);
}

// A white square in an image that the letterbox scales: each place that it fills has a box of 16 x
// 16 pixels about its middle, and boxes stay that no better one covers by half.
TEST_F(DetectorTest, FindsWhatIsWhite) {
  const Engine white = engine(test::white_detector());
  EXPECT_EQ(white.info().detector->form, DetectorForm::kMaps);
  EXPECT_EQ(white.info().preprocess, "yolov7");
  DetectorOptions options;
  options.size = 90;  // 96
  options.anchors = {16, 16, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
  // 192 x 96 pixels become 96 x 48, and 64 x 64 of these are padded to 96 x 64.
  Image image = gray(192, 96, 40);
  for (std::size_t y = 32; y < 64; ++y) {
    std::fill_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(y * 192 + 96), 32, 255);
  }
  for (const bool rectangular : {true, false}) {
    options.rectangular = rectangular;
    Detector detector(white, options);
    DetectOptions call;
    call.iou_thres = 0.1;
    const std::vector<Detection> found = detector.detect(image.view(), call);
    // In the network's pixels the square is 16 x 16 from (48, 24) on: below the borders of 8 or 24
    // rows, so that it fills four places.
    ASSERT_EQ(found.size(), 1U);
    expect_detection(found[0], {88, 24, 120, 56}, 1.0F, 0);
    EXPECT_GT(detector.last_timings().network_ms, 0);
    EXPECT_GT(detector.last_timings().suppress_ms, 0);
  }
  // An image of another shape, and one of the same, in one call.
  Detector detector(white, options);
  const Image tall = gray(48, 192, 255);
  const auto arrays = detector.detect({image.view(), tall.view(), image.view()});
  EXPECT_EQ(arrays.num_detections[0], arrays.num_detections[2]);
  EXPECT_GT(arrays.num_detections[1], 20);
  for (const Detection& detection : arrays.of(1)) {
    EXPECT_GE(detection.box.x0, 0);
    EXPECT_LE(detection.box.x1, 48);
    EXPECT_LE(detection.box.y1, 192);
  }
}

TEST_F(DetectorTest, ProfilesBoundTheSize) {
  EngineOptions build = test::capped();
  build.profiles = {{"height", 32, 64, 128}, {"width", 32, 64, 128}};
  const Engine bounded = engine(test::white_detector(), build);
  DetectorOptions options;
  options.size = 160;
  EXPECT_ERROR(Detector(bounded, options), kInvalid,
               "size is 160, and the model takes images of up to 128 pixels a side");
  Detector detector(bounded);
  EXPECT_GT(detector.detect(gray(200, 200, 255).view()).size(), 10U);
}

TEST_F(DetectorTest, WarmUpAndSavedEngines) {
  const Engine built = constant(kRows);
  built.save(folder_ / "model.lasso");
  const Engine loaded = Engine::load(folder_ / "model.lasso");
  ASSERT_TRUE(loaded.info().detector);
  EXPECT_EQ(loaded.info().detector->classes, 2);
  Detector detector(loaded);
  detector.warm_up(32, 32, 2);
  EXPECT_EQ(detector.detect(gray(32, 32).view()).size(), 3U);
  Detector moved = std::move(detector);
  EXPECT_EQ(moved.detect(gray(32, 32).view()).size(), 3U);
}

TEST(DetectorForms, HaveNames) {
  EXPECT_STREQ(to_string(DetectorForm::kBoxes), "boxes");
  EXPECT_STREQ(to_string(DetectorForm::kMaps), "maps");
  EXPECT_STREQ(to_string(DetectorForm::kEfficientNms), "efficient_nms");
  EXPECT_STREQ(to_string(DetectorForm::kNonMaxSuppression), "non_max_suppression");
}

}  // namespace
}  // namespace lasso
