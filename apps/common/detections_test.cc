#include "common/detections.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/class_names.h"
#include "common/outputs.h"
#include "lasso/error.h"
#include "support/files.h"
#include "support/mask_picture.h"

namespace lasso::app {
namespace {

DetectReport two_found() {
  DetectReport report;
  report.path = "val/000000000139.jpg";
  report.width = 640;
  report.height = 480;
  report.detections = {{{10, 20, 110.5F, 220}, 0.9F, 16}, {{0, 0, 640, 480}, 0.25F, 79}};
  return report;
}

// The numbers that yolov7's utils/datasets.py has in coco80_to_coco91_class().
TEST(ClassNames, CategoriesOfCoco) {
  EXPECT_EQ(coco_names().size(), 80u);
  EXPECT_EQ(std::set<std::string>(coco_names().begin(), coco_names().end()).size(), 80u);
  const int expected[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 13, 14, 15, 16, 17,
                          18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33, 34, 35, 36,
                          37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53,
                          54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 67, 70, 72, 73,
                          74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90};
  for (int i = 0; i < 80; ++i) EXPECT_EQ(coco_category(i), expected[i]) << i;
  EXPECT_EQ(coco_names()[16], "dog");
  EXPECT_EQ(coco_names()[79], "toothbrush");
}

TEST(ClassNames, AreLines) {
  EXPECT_EQ(parse_class_names("cat\r\nbig dog \n\xe7\x8b\x97\n\n", "n.txt"),
            (std::vector<std::string>{"cat", "big dog", "\xe7\x8b\x97"}));
  EXPECT_EQ(parse_class_names("one", "n.txt"), std::vector<std::string>{"one"});
  const auto message = [](const std::string& text) {
    try {
      parse_class_names(text, "n.txt");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(message("a\n\nb\n"), "n.txt:2: the line is empty; expected the name of class 1");
  EXPECT_EQ(message("a\n\xff\n"), "n.txt:2: the name is not UTF-8");
  EXPECT_EQ(message("\n\n"), "n.txt: has no names; expected one on each line");
  EXPECT_EQ(class_text({"cat"}, 0), "cat");
  EXPECT_EQ(class_text({"cat"}, 1), "class 1");
}

// As detect.py's '%g' writes them.
TEST(Detections, LinesOfYolo) {
  const DetectReport report = two_found();
  EXPECT_EQ(yolo_text(report.detections, 640, 480, false),
            "16 0.0941406 0.25 0.157031 0.416667\n79 0.5 0.5 1 1\n");
  EXPECT_EQ(yolo_text(report.detections, 640, 480, true),
            "16 0.0941406 0.25 0.157031 0.416667 0.9\n79 0.5 0.5 1 1 0.25\n");
  EXPECT_EQ(yolo_text({}, 640, 480, true), "");
}

TEST(Detections, ResultsOfCoco) {
  DetectReport report = two_found();
  Classes classes;
  EXPECT_EQ(coco_results(report, classes),
            OrderedJson::parse(R"([{"image_id": 139, "category_id": 16,
                "bbox": [10.0, 20.0, 100.5, 200.0], "score": 0.9},
                {"image_id": 139, "category_id": 79, "bbox": [0.0, 0.0, 640.0, 480.0],
                "score": 0.25}])"));
  classes.coco91 = true;
  report.path = "a12.png";
  report.masks.resize(2);
  report.masks[1].rle = "05";
  const OrderedJson results = coco_results(report, classes);
  EXPECT_EQ(results[0]["image_id"], "a12");
  EXPECT_EQ(results[0]["category_id"], 18);
  EXPECT_EQ(results[1]["category_id"], 90);
  EXPECT_EQ(results[1]["segmentation"], (OrderedJson{{"size", {480, 640}}, {"counts", "05"}}));
  for (const char* name :
       {"12345678901234567890123.jpg", "-5.jpg", "1.5.jpg", "+1.jpg", "1e3.jpg"}) {
    report.path = name;
    EXPECT_TRUE(coco_results(report, classes)[0]["image_id"].is_string()) << name;
  }
}

TEST(Detections, Json) {
  DetectReport report = two_found();
  report.timings = {1, 2.0004, 3, 4};
  Classes classes{coco_names(), false};
  OrderedJson json = to_json(report, classes, {5, std::nullopt});
  EXPECT_EQ(json["width"], 640);
  ASSERT_EQ(json["detections"].size(), 2u);
  EXPECT_EQ(json["detections"][0], OrderedJson::parse(R"({"class": 16, "name": "dog", "score": 0.9,
                "bbox_xyxy": [10.0, 20.0, 110.5, 220.0], "bbox_xywh": [10.0, 20.0, 100.5, 200.0]})"));
  EXPECT_EQ(json["timings"],
            OrderedJson::parse(R"({"model_load_ms": 5.0, "load_ms": 0.0, "preprocess_ms": 1.0,
                "network_ms": 2.0, "suppress_ms": 3.0, "postprocess_ms": 4.0})"));
  EXPECT_FALSE(json.contains("error"));

  report.masks.resize(2);
  report.masks[0].box = PixelBox{1, 2, 3, 4};
  report.masks[0].area = 4;
  report.segment_timings = Timings{6, 7, 8, 9};
  json = to_json(report, {}, {5, 50});
  EXPECT_TRUE(json["detections"][0]["name"].is_null());
  EXPECT_EQ(json["detections"][0]["mask_bbox_xyxy"], (OrderedJson{1, 2, 3, 4}));
  EXPECT_EQ(json["detections"][0]["area"], 4);
  EXPECT_TRUE(json["detections"][1]["mask_bbox_xyxy"].is_null());
  EXPECT_EQ(json["timings"]["encode_ms"], 7);
  EXPECT_EQ(json["timings"]["segment_model_load_ms"], 50);

  report.error = "too bad";
  report.error_code = "corrupt_file";
  EXPECT_EQ(to_json(report, {}, {}), OrderedJson::parse(R"({"image": "val/000000000139.jpg",
                "error": {"code": "corrupt_file", "message": "too bad"}})"));
}

// What a detector found, through the files of an image.
class FoundOutputsTest : public testing::Test {
 protected:
  ImageOutputs make(const Formats& formats) {
    OutputSubject subject;
    subject.path = "photos/a.png";
    subject.image = &image_;
    subject.width = image_.width;
    subject.height = image_.height;
    subject.prompts = &prompts_;
    subject.objects = &objects_;
    subject.categories = &categories_;
    subject.yolo = "16 0.5 0.5 1 1\n";
    return {formats, false, std::string(folder_ / ""), &names_, subject};
  }
  std::string text(const OrderedJson& written, const std::string& kind) {
    return test::read_bytes(written.at(kind).at(0).get<std::string>());
  }

  test::TempDir folder_;
  OutputNames names_;
  Image image_{5, 3, PixelFormat::kRgb, std::vector<std::uint8_t>(45, 100)};
  std::vector<PromptTask> prompts_;
  std::vector<FoundObject> objects_;
  std::vector<Category> categories_{{0, "person"}, {16, "dog"}};
};

TEST_F(FoundOutputsTest, ImagesWithoutObjectsHaveFiles) {
  ImageOutputs outputs = make({.overlay = true, .yolo = true});
  outputs.finish();
  const OrderedJson written = outputs.written();
  EXPECT_EQ(written.at("overlay").at(0), std::string(folder_ / "a_overlay.png"));
  EXPECT_EQ(written.at("yolo").at(0), std::string(folder_ / "a.txt"));
  EXPECT_EQ(text(written, "yolo"), "16 0.5 0.5 1 1\n");
  EXPECT_EQ(read_image(written.at("overlay").at(0).get<std::string>()).pixels, image_.pixels);
}

TEST_F(FoundOutputsTest, MasksHaveClassesAndScores) {
  prompts_.resize(2);
  prompts_[0].prompt.box = Box{0, 0, 3, 3};
  prompts_[1].prompt.box = Box{2, 0, 5, 3};
  objects_ = {{"dog 0.90", {255, 0, 0}, 16, 0.9F}, {"person 0.50", {0, 255, 0}, 0, 0.5F}};
  ImageOutputs outputs = make({.overlay = true, .rle = true, .polygon = true});
  Segmentation answer;
  answer.iou_predictions = {0.75F};
  answer.masks = {test::mask_picture({"##...", "##...", "....."})};
  outputs.add(0, {answer});
  answer.masks = {test::mask_picture({"....#", ".....", "....."})};
  outputs.add(1, {answer});
  outputs.finish();
  for (const char* kind : {"rle", "polygon"}) {
    const OrderedJson coco = OrderedJson::parse(text(outputs.written(), kind));
    EXPECT_EQ(coco.at("categories"),
              OrderedJson::parse(R"([{"id": 0, "name": "person"}, {"id": 16, "name": "dog"}])"));
    ASSERT_EQ(coco.at("annotations").size(), 2u);
    const OrderedJson& first = coco.at("annotations")[0];
    EXPECT_EQ(first.at("category_id"), 16);
    EXPECT_EQ(first.at("score"), 0.9);
    EXPECT_EQ(first.at("iou_prediction"), 0.75);
    EXPECT_EQ(first.at("area"), 4);
    EXPECT_EQ(coco.at("annotations")[1].at("category_id"), 0);
  }
  EXPECT_EQ(outputs.masks().size(), 2u);
}

}  // namespace
}  // namespace lasso::app
