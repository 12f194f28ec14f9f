// Detectors against what the original's letterbox, non_max_suppression and scale_coords made of the
// same images.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/json.h"
#include "formats/npy/npy.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_writer.h"
#include "lasso/detector.h"
#include "support/capped.h"
#include "support/files.h"

namespace lasso {
namespace {

double iou(const Box& a, const Box& b) {
  const double w = static_cast<double>(std::min(a.x1, b.x1)) - std::max(a.x0, b.x0);
  const double h = static_cast<double>(std::min(a.y1, b.y1)) - std::max(a.y0, b.y0);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [](const Box& box) {
    return static_cast<double>(box.x1 - box.x0) * (box.y1 - box.y0);
  };
  return w * h / (area(a) + area(b) - w * h);
}

// What was found in the borders is cut to nothing, or to less than a pixel, which overlaps nothing.
bool are_near(const Box& a, const Box& b) {
  return std::abs(a.x0 - b.x0) < 0.05 && std::abs(a.y0 - b.y0) < 0.05 &&
         std::abs(a.x1 - b.x1) < 0.05 && std::abs(a.y1 - b.y1) < 0.05;
}

void expect_same(const std::vector<Detection>& seen, std::vector<Detection> expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (const Detection& found : seen) {
    const auto same = std::find_if(expected.begin(), expected.end(), [&](const Detection& other) {
      return other.class_id == found.class_id && std::abs(other.score - found.score) <= 1e-4 &&
             (iou(other.box, found.box) >= 0.999 || are_near(other.box, found.box));
    });
    ASSERT_NE(same, expected.end()) << "class " << found.class_id << ", score " << found.score;
    expected.erase(same);
  }
}

class DetectorParity : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = test::golden_path(GetParam());
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << folder_ << " is absent";
    image_ = read_image(folder_ + "/image.png");
    const Json cases = Json::parse(std::ifstream(folder_ + "/cases.json"));
    options_.conf_thres = cases["conf"].get<double>();
    options_.iou_thres = cases["iou"].get<double>();
    // scale_coords in double precision: the border of 53.3 rows, not the 53 that were drawn.
    const double gain = std::min(320.0 / image_.width, 320.0 / image_.height);
    const double left = (320 - image_.width * gain) / 2;
    const double top = (320 - image_.height * gain) / 2;
    const Tensor rows = read_npy(folder_ + "/nms_python.npy");
    const auto* row = static_cast<const float*>(rows.data.get());
    for (std::int64_t i = 0; i < rows.dims[0]; ++i, row += 6) {
      const auto back = [&](float x, double border, int size) {
        return static_cast<float>(std::clamp((x - border) / gain, 0.0, static_cast<double>(size)));
      };
      expected_.push_back({{back(row[0], left, image_.width), back(row[1], top, image_.height),
                            back(row[2], left, image_.width), back(row[3], top, image_.height)},
                           row[4],
                           static_cast<std::int32_t>(row[5])});
    }
  }

  Detector detector(const std::string& model, const DetectorOptions& options = {}) const {
    return Detector(Engine::build(model, test::capped()), options);
  }

  std::string folder_;
  Image image_;
  DetectOptions options_;
  std::vector<Detection> expected_;
};

TEST_P(DetectorParity, Boxes) {
  Detector raw = detector(folder_ + "/raw.onnx");
  EXPECT_EQ(expected_.size(), 300U);
  expect_same(raw.detect(image_.view(), options_), expected_);
  const auto arrays = raw.detect({image_.view(), image_.view()}, options_);
  EXPECT_EQ(arrays.capacity, 300);
  expect_same(arrays.of(1), expected_);
}

// The exports keep the best hundred, by thresholds of their own.
TEST_P(DetectorParity, NonMaxSuppression) {
  Detector own = detector(folder_ + "/ort.onnx");
  EXPECT_EQ(own.info().form, DetectorForm::kNonMaxSuppression);
  EXPECT_EQ(own.info().topk, 100);
  expected_.resize(100);
  expect_same(own.detect(image_.view(), options_), expected_);
  options_.topk = 30;
  expected_.resize(30);
  expect_same(own.detect(image_.view(), options_), expected_);
}

// As if each class of a box were a box.
TEST_P(DetectorParity, EfficientNms) {
  Detector own = detector(folder_ + "/trt.onnx");
  EXPECT_EQ(own.info().form, DetectorForm::kEfficientNms);
  EXPECT_EQ(own.info().classes, 80);
  EXPECT_EQ(own.info().topk, 100);
  Detector raw = detector(folder_ + "/raw.onnx");
  DetectOptions all = options_;
  all.multi_label = true;
  all.topk = 100;
  expect_same(own.detect(image_.view(), options_), raw.detect(image_.view(), all));
  // Thresholds in place of the model's, agnostic, some classes.
  all.conf_thres = *options_.conf_thres + 0.05;
  all.iou_thres = 0.2;
  all.agnostic = true;
  const std::vector<Detection> expected = raw.detect(image_.view(), all);
  EXPECT_GT(expected.size(), 2U);
  expect_same(own.detect(image_.view(), all), expected);
  expect_same(own.detect(image_.view(), options_), raw.detect(image_.view(), [&] {
    DetectOptions options = options_;
    options.multi_label = true;
    options.topk = 100;
    return options;
  }()));
}

// The same network without the part that decodes its maps. The tiny model's anchors are not those
// of the family.
TEST_P(DetectorParity, Maps) {
  OnnxModel model = read_onnx(folder_ + "/raw.onnx");
  model.graph.outputs.clear();
  std::vector<std::string> convolutions;
  for (const OnnxNode& node : model.graph.nodes) {
    if (node.op_type == "Conv") convolutions.push_back(node.outputs.front());
  }
  for (const std::string& name :
       {convolutions.rbegin()[2], convolutions.rbegin()[1], convolutions.rbegin()[0]}) {
    OnnxValueInfo& output = model.graph.outputs.emplace_back();
    output.name = name;
    output.kind = OnnxKind::kTensor;
    output.elem_type = OnnxDataType::kFloat32;
  }
  const test::TempDir folder;
  write_onnx(model, folder / "maps.onnx");
  DetectorOptions options;
  if (std::string(GetParam()) == "yolov7_tiny_micro") {
    options.anchors = {10, 13, 16,  30,  33, 23,  30,  61,  62,
                       45, 59, 119, 116, 90, 156, 198, 373, 326};
  }
  Detector maps = detector(folder / "maps.onnx", options);
  EXPECT_EQ(maps.info().form, DetectorForm::kMaps);
  EXPECT_EQ(maps.info().classes, 80);
  expect_same(maps.detect(image_.view(), options_), expected_);
}

INSTANTIATE_TEST_SUITE_P(Golden, DetectorParity,
                         testing::Values("yolov7_micro", "yolov7_tiny_micro"));

}  // namespace
}  // namespace lasso
