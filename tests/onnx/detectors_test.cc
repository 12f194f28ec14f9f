// Exported detectors that end in a non-maximum suppression, against plain loops over what PyTorch
// gave before it (raw_output.npy): the same boxes, whatever the order of those of equal scores.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/npy/npy.h"
#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/files.h"

namespace lasso {
namespace {

struct Box {
  std::array<double, 4> corners{};
  double score = 0;
  int label = 0;
};

// As the exports have them.
constexpr double kScoreThreshold = 0.36;
constexpr double kIouThreshold = 0.45;
constexpr std::size_t kMost = 100;

double iou(const Box& a, const Box& b) {
  const auto side = [](double low, double high) { return std::max(0.0, high - low); };
  const auto area = [&](const std::array<double, 4>& c) {
    return side(c[0], c[2]) * side(c[1], c[3]);
  };
  const double both =
      side(std::max(a.corners[0], b.corners[0]), std::min(a.corners[2], b.corners[2])) *
      side(std::max(a.corners[1], b.corners[1]), std::min(a.corners[3], b.corners[3]));
  const double all = area(a.corners) + area(b.corners) - both;
  return all > 0 ? both / all : 0;
}

// Rows of (x, y, w, h, objectness, classes...): a candidate for the best class, or for all.
std::vector<Box> candidates(const Tensor& raw, bool all_classes) {
  const std::int64_t width = raw.dims.back();
  std::vector<Box> boxes;
  for (std::int64_t i = 0; i < raw.dims[1]; ++i) {
    const float* row = raw.view().as<float>() + i * width;
    const double x = row[0];
    const double y = row[1];
    Box box{{x - row[2] / 2, y - row[3] / 2, x + row[2] / 2, y + row[3] / 2}, 0, 0};
    const auto best = static_cast<int>(std::max_element(row + 5, row + width) - (row + 5));
    for (int label = 0; label < width - 5; ++label) {
      if (!all_classes && label != best) continue;
      box.label = label;
      box.score = static_cast<double>(row[4]) * row[5 + label];
      if (box.score > kScoreThreshold) boxes.push_back(box);
    }
  }
  return boxes;
}

std::vector<Box> suppressed(std::vector<Box> boxes) {
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const Box& a, const Box& b) { return a.score > b.score; });
  std::vector<Box> taken;
  for (const Box& box : boxes) {
    const bool covered = std::any_of(taken.begin(), taken.end(), [&](const Box& other) {
      return other.label == box.label && iou(box, other) > kIouThreshold;
    });
    if (!covered && taken.size() < kMost) taken.push_back(box);
  }
  return taken;
}

void expect_same(const std::vector<Box>& seen, std::vector<Box> expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (const Box& box : seen) {
    const auto same = std::find_if(expected.begin(), expected.end(), [&](const Box& other) {
      return other.label == box.label && std::abs(other.score - box.score) <= 1e-4 &&
             iou(box, other) >= 0.999;
    });
    ASSERT_NE(same, expected.end()) << "class " << box.label << ", score " << box.score;
    expected.erase(same);
  }
}

class OnnxDetectors : public testing::TestWithParam<const char*> {
 protected:
  // The results on the stored input; none where the data are not there.
  std::map<std::string, HostTensor> run(const std::string& model) {
    const std::string folder = test::golden_path(GetParam());
    if (!std::filesystem::exists(folder)) return {};
    raw_ = read_npy(folder + "/raw_output.npy");
    Runner runner(Engine::build(folder + "/" + model, test::capped()));
    const Tensor x = read_npy(folder + "/input.npy");
    return runner.run({{"images", test::view_of(x)}});
  }
  Tensor raw_;
};

TEST_P(OnnxDetectors, EfficientNms) {
  const auto results = run("trt.onnx");
  if (results.empty()) GTEST_SKIP() << GetParam() << " is not there";
  EXPECT_EQ(results.at("det_boxes").shape, (Dims{1, kMost, 4}));
  const auto count = static_cast<std::size_t>(*results.at("num_dets").as<std::int32_t>());
  const auto* corners = results.at("det_boxes").as<float>();
  std::vector<Box> seen(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(corners + 4 * i, 4, seen[i].corners.begin());
    seen[i].score = results.at("det_scores").as<float>()[i];
    seen[i].label = results.at("det_classes").as<std::int32_t>()[i];
  }
  expect_same(seen, suppressed(candidates(raw_, true)));
}

// Rows of (image, x0, y0, x1, y1, class, score), as many as there are.
TEST_P(OnnxDetectors, NonMaxSuppression) {
  const auto results = run("ort.onnx");
  if (results.empty()) GTEST_SKIP() << GetParam() << " is not there";
  ASSERT_EQ(results.size(), 1U) << "the count is no result";
  const HostTensor& rows = results.at("output");
  std::vector<Box> seen(static_cast<std::size_t>(rows.shape.at(0)));
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const float* row = rows.as<float>() + 7 * i;
    EXPECT_EQ(row[0], 0.0F);
    std::copy_n(row + 1, 4, seen[i].corners.begin());
    seen[i].label = static_cast<int>(row[5]);
    seen[i].score = row[6];
  }
  expect_same(seen, suppressed(candidates(raw_, false)));
}

INSTANTIATE_TEST_SUITE_P(Golden, OnnxDetectors,
                         testing::Values("yolov7_micro", "yolov7_tiny_micro"));

}  // namespace
}  // namespace lasso
