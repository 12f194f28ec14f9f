#include "metrics/mean_precision.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/box_agreement.h"
#include "eval/coco_truth.h"
#include "lasso/error.h"
#include "support/files.h"

namespace lasso {
namespace {

TEST(MeanPrecision, OfOneBox) {
  const auto map = [](const std::vector<TruthBox>& truth, const std::vector<FoundBox>& found) {
    PrecisionMeter meter(2);
    meter.add(truth, found);
    return meter.result();
  };
  const TruthBox dog{0, {10, 10, 100, 100}, false};
  EXPECT_NEAR(map({dog}, {{0, dog.box, 0.5}}).map, 1, 1e-12);
  // An IoU of 0.8 is enough for 7 of the 10 thresholds.
  const MeanPrecision shifted = map({dog}, {{0, {10, 10, 100, 80}, 0.5}});
  EXPECT_NEAR(shifted.map, 0.7, 1e-12);
  EXPECT_NEAR(shifted.map_50, 1, 1e-12);
  EXPECT_NEAR(shifted.map_75, 1, 1e-12);
  EXPECT_NEAR(shifted.categories[0], 0.7, 1e-12);
  EXPECT_EQ(shifted.categories[1], -1);
  // A better one that is wrong comes first: half of what is found is right. One that is worse
  // changes nothing.
  const FoundBox wrong{0, {500, 500, 10, 10}, 0.9};
  EXPECT_NEAR(map({dog}, {{0, dog.box, 0.5}, wrong}).map, 0.5, 1e-12);
  EXPECT_NEAR(map({dog}, {{0, dog.box, 0.95}, wrong}).map, 1, 1e-12);
  // A true box is found once.
  EXPECT_NEAR(map({dog}, {{0, dog.box, 0.5}, {0, dog.box, 0.6}, wrong}).map, 0.5, 1e-12);
  EXPECT_EQ(map({dog}, {{1, dog.box, 0.5}}).map, 0);
  EXPECT_EQ(map({dog}, {}).map, 0);
}

TEST(MeanPrecision, OfNothingIsNone) {
  PrecisionMeter meter(3);
  meter.add({}, {});
  meter.add({}, {{1, {0, 0, 5, 5}, 0.5}, {7, {0, 0, 5, 5}, 0.5}});
  const MeanPrecision result = meter.result();
  EXPECT_EQ(result.map, -1);
  EXPECT_EQ(result.map_50, -1);
  EXPECT_EQ(result.images, 2u);
  EXPECT_EQ(result.empty_images, 1u);
}

TEST(BoxAgreement, CountsWhatBothFind) {
  AgreementMeter meter;
  EXPECT_EQ(meter.result().part(), 0);
  meter.add({}, {});
  // Of two that overlap the better one takes its best partner first.
  meter.add({{0, {0, 0, 10, 10}, 0.5}, {0, {0, 0, 10, 8}, 0.75}},
            {{0, {0, 0, 10, 8}, 0.7}, {0, {0, 1, 10, 9}, 0.5}, {1, {0, 0, 10, 10}, 0.5}});
  const BoxAgreement found = meter.result();
  EXPECT_EQ(found.images, 2u);
  EXPECT_EQ(found.empty_images, 1u);
  EXPECT_EQ(found.same, 2u);
  EXPECT_EQ(found.only_first, 0u);
  EXPECT_EQ(found.only_second, 1u);
  EXPECT_NEAR(found.mean_iou, (1 + 0.9) / 2, 1e-12);
  EXPECT_NEAR(found.lowest_iou, 0.9, 1e-12);
  EXPECT_NEAR(found.score_difference, 0.05, 1e-12);
  EXPECT_NEAR(found.part(), 2.0 / 3, 1e-12);
  meter.add({{2, {0, 0, 10, 10}, 0.5}}, {{2, {6, 0, 10, 10}, 0.5}});
  EXPECT_EQ(meter.result().same, 2u);
  EXPECT_EQ(meter.result().only_first, 1u);
  EXPECT_EQ(meter.result().only_second, 2u);
}

TEST(BoxAgreement, BoxesWithoutAnAreaCountNowhere) {
  AgreementMeter meter;
  const std::vector<FoundBox> cut{{0, {64, 3, 0, 10}, 0.5}, {0, {3, 0, 10, 0}, 0.5}};
  meter.add(cut, cut);
  EXPECT_EQ(meter.result().empty_images, 1u);
  meter.add({{0, {0, 0, 10, 10}, 0.25}, cut[0]}, {cut[1], {0, {0, 0, 10, 10}, 0.25}});
  const BoxAgreement found = meter.result();
  EXPECT_EQ(found.empty_images, 1u);
  EXPECT_EQ(found.same, 1u);
  EXPECT_EQ(found.part(), 1);
}

TEST(CocoTruth, IsReadById) {
  const test::TempDir folder;
  const std::string path = folder / "t.json";
  const auto truth = [&](const std::string& text) {
    test::write_bytes(path, text);
    return read_coco_truth(path);
  };
  const CocoTruth read = truth(R"({"categories": [{"id": 18, "name": "dog"}, {"id": 1,
      "name": "person"}], "images": [{"id": 9, "file_name": "b.jpg"}, {"id": 3,
      "file_name": "x/a.jpg"}], "annotations": [{"image_id": 9, "category_id": 18,
      "bbox": [1, 2.5, 3, 4], "iscrowd": 1}, {"image_id": 9, "category_id": 1,
      "bbox": [0, 0, 1, 1]}]})");
  ASSERT_EQ(read.categories.size(), 2u);
  EXPECT_EQ(read.categories[1].name, "dog");
  ASSERT_EQ(read.images.size(), 2u);
  EXPECT_EQ(read.images[0].file, "x/a.jpg");
  EXPECT_TRUE(read.images[0].boxes.empty());
  ASSERT_EQ(read.images[1].boxes.size(), 2u);
  EXPECT_EQ(read.images[1].boxes[0].category, 1u);
  EXPECT_EQ(read.images[1].boxes[0].box.y, 2.5);
  EXPECT_TRUE(read.images[1].boxes[0].crowd);
  EXPECT_FALSE(read.images[1].boxes[1].crowd);

  const auto message = [&](const std::string& text) {
    try {
      truth(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorruptFile);
      return std::string(error.what()).substr(path.size() + 2);
    }
    return std::string("none");
  };
  const auto with = [](const std::string& annotation, const std::string& file = "a.jpg") {
    return R"({"categories": [{"id": 1, "name": "a"}], "images": [{"id": 1, "file_name": ")" +
           file + R"("}], "annotations": [)" + annotation + "]}";
  };
  EXPECT_EQ(message(with("")), "none");
  EXPECT_EQ(message(with(R"({"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1]})")),
            "\"annotations\": nothing has the image_id 2");
  EXPECT_EQ(message(with(R"({"image_id": 1, "category_id": 1, "bbox": [0, 0, -1, 1]})")),
            "\"annotations\": \"bbox\": [0,0,-1,1], expected x, y and two sides");
  EXPECT_EQ(message(with("", "../a.jpg")),
            "\"file_name\": \"../a.jpg\" is not a name beneath the folder");
  EXPECT_EQ(message(R"({"categories": [], "images": [], "annotations": []})"),
            "\"categories\": has none");
  const std::string twice = R"({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}],)";
  EXPECT_EQ(message(twice + R"("images": [], "annotations": []})"),
            "\"categories\": the id 1 stands twice");
  EXPECT_EQ(message(R"({"categories": [{"id": 1e300, "name": "a"}]})"),
            "\"id\": 1e+300, expected a whole number");
  EXPECT_NE(message("[1, 2").find("parse error"), std::string::npos);
  EXPECT_NE(message("{}").find("categories"), std::string::npos);
  EXPECT_NE(message(std::string(40, '[')).find("16 levels"), std::string::npos);
}

// Numbers below `most`, the same in every language.
class Numbers {
 public:
  std::uint32_t operator()(std::uint32_t most) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % most;
  }

 private:
  std::uint32_t state_ = 7;
};

// The set that tools of COCO got, too: pycocotools 2.0.11, COCOeval(truth, results, "bbox") of 40
// images and 5 categories whose numbers come from the same generator, in this order.
TEST(MeanPrecision, IsThatOfPycocotools) {
  Numbers number;
  PrecisionMeter meter(5);
  for (int image = 0; image < 40; ++image) {
    std::vector<TruthBox> truth;
    std::vector<FoundBox> found;
    const std::uint32_t truths = number(9);
    for (std::uint32_t i = 0; i < truths; ++i) {
      TruthBox t;
      t.category = number(4);
      t.box = {number(200) / 2.0, number(200) / 2.0, 4 + number(160) / 2.0, 4 + number(160) / 2.0};
      t.crowd = number(8) == 0;
      truth.push_back(t);
      const std::uint32_t copies = number(3);
      for (std::uint32_t k = 0; k < copies; ++k) {
        FoundBox f;
        f.category = number(12) == 0 ? 4 : t.category;
        f.box = {t.box.x + number(16) - 8.0, t.box.y + number(16) - 8.0, t.box.width + number(8),
                 t.box.height + number(8)};
        f.score = number(20) / 20.0;  // many are equal
        found.push_back(f);
      }
    }
    const std::uint32_t others = image == 3 ? 130 : number(6);
    for (std::uint32_t i = 0; i < others; ++i) {
      FoundBox f;
      f.category = image == 3 ? 2 : number(5);
      f.box = {number(200) / 2.0, number(200) / 2.0, 4 + number(160) / 2.0, 4 + number(160) / 2.0};
      f.score = number(20) / 20.0;
      found.push_back(f);
    }
    meter.add(truth, found);
  }
  const MeanPrecision result = meter.result();
  EXPECT_NEAR(result.map, 0.07765076370383542, 1e-12);
  EXPECT_NEAR(result.map_50, 0.23403676012598676, 1e-12);
  EXPECT_NEAR(result.map_75, 0.029831612454414323, 1e-12);
  const double categories[] = {0.08538797969610744, 0.0597401284160413, 0.0285465375840291,
                               0.13692840911916385, -1};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(result.categories[i], categories[i], 1e-12);
}

}  // namespace
}  // namespace lasso
