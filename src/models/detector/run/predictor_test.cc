// A predictor on a device whose memory the host can't touch, which has no kernel for letterboxes,
// and what repeated calls cost.
#include "models/detector/run/predictor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "image/random_picture.h"
#include "support/allocation_counter.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/mock_device.h"
#include "support/small_detectors.h"

namespace lasso::detector {
namespace {

using test::MockDevice;

using Devices = std::vector<std::shared_ptr<const backend::Device>>;

// No devices: on the host.
Model model_of(const std::string& path, const Devices& devices = {},
               const graph::Profile& profile = {}) {
  const ModelSource source(path);
  const Family& family = recognise(source);
  const auto description = family.describe(source, {});
  engine::CompileOptions options;
  options.target = backend::test_target(2);
  if (!devices.empty()) options.devices = std::make_shared<const backend::DeviceSet>(devices);
  engine::LoadedEngine compiled;
  compiled.model = description->record();
  compiled.model.precision = "fp32";
  graph::Module module = description->programs();
  for (const auto& [symbol, range] : profile) module.programs.front().profile[symbol] = range;
  compiled.module = engine::compile(std::move(module), options);
  return make_model(family, std::move(compiled), path);
}

// Its letterboxes are 96 x 64, 64 x 96 and 96 x 96.
DetectorOptions small_images() {
  DetectorOptions options;
  options.size = 96;
  options.anchors = {16, 16, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
  return options;
}

// A white square of 32 pixels in each.
Image picture(int width, int height, int x0, int y0) {
  Image image = random_picture(width, height, 3);
  for (std::uint8_t& value : image.pixels) value /= 2;
  const auto step = static_cast<std::ptrdiff_t>(channels(image.format));
  for (int y = y0; y < y0 + 32; ++y) {
    std::fill_n(image.pixels.begin() + (std::ptrdiff_t{y} * width + x0) * step, 32 * step, 255);
  }
  return image;
}

class DetectorPredictor : public testing::Test {
 protected:
  DetectorPredictor()
      : wide_(picture(96, 64, 8, 16)),
        tall_(picture(64, 96, 32, 48)),
        square_(picture(96, 96, 64, 64)) {}

  std::string white() { return test::write_detector(folder_ / "w.onnx", test::white_detector()); }
  std::vector<ImageView> views() const {
    return {wide_.view(), square_.view(), tall_.view(), wide_.view(), wide_.view()};
  }

  test::TempDir folder_;
  Image wide_;
  Image tall_;
  Image square_;
};

TEST_F(DetectorPredictor, FindsOnADeviceWhatItFindsOnTheHost) {
  const auto device = MockDevice::make(backend::test_target(2));
  Predictor here(model_of(white()), 2, small_images());
  Predictor there(model_of(white(), {device}), 2, small_images());
  const std::vector<ImageView> images = views();
  DetectOptions options;
  options.topk = 40;
  options.iou_thres = 0.9;  // a box for each of the square's 16 places
  DetectionArrays expected;
  here.detect(images.data(), images.size(), options, expected);
  EXPECT_EQ(expected.num_detections, (std::vector<std::int32_t>{16, 16, 16, 16, 16}));
  for (int run = 0; run < 3; ++run) {
    const std::int64_t replayed = device->counts().replays;
    DetectionArrays seen;
    there.detect(images.data(), images.size(), options, seen);
    EXPECT_EQ(seen.num_detections, expected.num_detections);
    EXPECT_EQ(seen.boxes, expected.boxes);
    EXPECT_EQ(seen.scores, expected.scores);
    EXPECT_EQ(seen.classes, expected.classes);
    // Three sizes, each of which is the network and the suppression behind it. Where memory is
    // poisoned between the steps, nothing is recorded.
    const bool replays = run > 0 && !engine::SessionOptions().poison;
    EXPECT_EQ(device->counts().replays - replayed, replays ? 6 : 0) << run;
  }
}

// A run has as many images as there may be: what is left over goes through alone, or beside places
// that no image is in.
TEST_F(DetectorPredictor, BatchesAreInTheModelsRanges) {
  std::vector<ImageView> images = views();
  for (int i = 0; i < 4; ++i) images.push_back(wide_.view());
  Predictor any(model_of(white()), 2, small_images());
  DetectionArrays expected;
  any.detect(images.data(), images.size(), {}, expected);
  EXPECT_EQ(expected.num_detections.front(), 16);
  const graph::Range few = graph::joined({{1, 1, 2}, {32, 32, 32}});
  const graph::Range some = graph::joined({{6, 6, 6}, {4, 4, 4}});
  const graph::Range many{40, 40, 64};
  for (const graph::Range& range : {few, some, many}) {
    Predictor predictor(model_of(white(), {}, {{"batch", range}}), 2, small_images());
    for (int run = 0; run < 2; ++run) {
      DetectionArrays seen;
      predictor.detect(images.data(), images.size(), {}, seen);
      EXPECT_EQ(seen.num_detections, expected.num_detections) << to_string(range);
      EXPECT_EQ(seen.boxes, expected.boxes) << to_string(range);
      EXPECT_EQ(seen.scores, expected.scores) << to_string(range);
    }
  }
}

// Those of several jobs, which take the devices of an engine in turn.
TEST_F(DetectorPredictor, TakeTurnsOnDevices) {
  const auto one = MockDevice::make(backend::test_target(2));
  const auto two = MockDevice::make(backend::test_target(2));
  const Model model = model_of(white(), {one, two});
  Predictor first(model, 2, small_images());
  Predictor second(model, 2, small_images());
  const ImageView image = wide_.view();
  DetectionArrays by_first;
  DetectionArrays by_second;
  const auto launches = [&] { return std::pair{one->counts().launches, two->counts().launches}; };
  const auto at_first = launches();
  first.detect(&image, 1, {}, by_first);
  const auto between = launches();
  second.detect(&image, 1, {}, by_second);
  const auto at_last = launches();
  EXPECT_GT(between.first, at_first.first);
  EXPECT_EQ(between.second, at_first.second);
  EXPECT_EQ(at_last.first, between.first);
  EXPECT_GT(at_last.second, between.second);
  EXPECT_GT(by_first.num_detections.front(), 0);
  EXPECT_EQ(by_first.boxes, by_second.boxes);
}

// What the network gives is not brought to the host: of 40 boxes and their counts.
TEST_F(DetectorPredictor, BringsDetectionsToTheHostAlone) {
  const auto device = MockDevice::make(backend::test_target(2));
  Predictor predictor(model_of(white(), {device}), 2, small_images());
  DetectOptions options;
  options.topk = 40;
  options.iou_thres = 0.9;
  DetectionArrays found;
  const ImageView image = wide_.view();
  predictor.detect(&image, 1, options, found);
  const std::int64_t before = device->counts().downloaded_bytes;
  predictor.detect(&image, 1, options, found);
  EXPECT_EQ(device->counts().downloaded_bytes - before, 40 * (4 + 1 + 1) * 4 + 2 * 4);
  device->fail_download_after(0);
  EXPECT_ERROR(predictor.detect(&image, 1, options, found), ErrorCode::kDevice, "");
  predictor.detect(&image, 1, options, found);
  EXPECT_EQ(found.num_detections.front(), 16);
}

TEST_F(DetectorPredictor, ASecondCallAllocatesNothing) {
  const std::vector<test::DetectorRow> rows{{16, 16, 8, 4, 0.5F, 1, 0.5F},
                                            {4, 24, 16, 32, 1, 0.25F, 0.875F}};
  Predictor maps(model_of(white()), 2, small_images());
  Predictor boxes(model_of(test::write_detector(folder_ / "b.onnx", test::constant_detector(rows))),
                  2, {});
  const std::vector<ImageView> images = views();
  for (Predictor* predictor : {&maps, &boxes}) {
    for (const std::vector<int>& classes : {std::vector<int>{}, std::vector<int>{0}}) {
      DetectOptions options;
      options.classes = classes;
      DetectionArrays found;
      for (const std::size_t count : {std::size_t{5}, std::size_t{1}}) {
        predictor->detect(images.data(), count, options, found);
        const std::vector<std::int32_t> counts = found.num_detections;
        const std::int64_t before = test::allocation_count();
        predictor->detect(images.data(), count, options, found);
        EXPECT_EQ(test::allocation_count() - before, 0) << count;
        EXPECT_EQ(found.num_detections, counts);
        EXPECT_GT(counts.front(), 0);
      }
    }
  }
}

}  // namespace
}  // namespace lasso::detector
