#include "common/outputs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/errors.h"
#include "support/files.h"
#include "support/mask_picture.h"

namespace lasso::app {
namespace {

using test::mask_picture;

Segmentation answer_of(const Mask& mask) {
  Segmentation answer;
  answer.masks = {mask};
  answer.iou_predictions = {0.5F};
  return answer;
}

class ImageOutputsTest : public testing::Test {
 protected:
  ImageOutputs make(const Formats& formats, std::size_t prompts, const std::string& path) {
    prompts_.resize(prompts);
    OutputSubject subject;
    subject.path = path;
    subject.width = 5;
    subject.height = 3;
    subject.prompts = &prompts_;
    return {formats, false, folder(), &names_, subject};
  }
  std::string folder() const { return folder_ / ""; }
  OrderedJson read(const OrderedJson& written, const std::string& kind) {
    return OrderedJson::parse(test::read_bytes(written.at(kind).at(0).get<std::string>()));
  }

  test::TempDir folder_;
  OutputNames names_;
  std::vector<PromptTask> prompts_;
};

// pycocotools 2.0 ends with an IndexError at "segmentation": [], and reads an RLE of no pixels.
TEST_F(ImageOutputsTest, EmptyMasksHaveNoPolygons) {
  ImageOutputs outputs = make({.rle = true, .polygon = true}, 3, "a.png");
  const Mask empty = mask_picture({".....", ".....", "....."});
  outputs.add(0, {answer_of(empty), answer_of(mask_picture({"..#..", "..#..", "....."}))});
  outputs.add(2, {answer_of(empty)});
  outputs.finish();
  EXPECT_EQ(outputs.left_out(), (OrderedJson{{"polygon", {0, 2}}}));
  const OrderedJson polygons = read(outputs.written(), "polygon").at("annotations");
  ASSERT_EQ(polygons.size(), 1u);
  EXPECT_EQ(polygons[0].at("id"), 2);
  EXPECT_EQ(polygons[0].at("prompt"), 1);
  EXPECT_EQ(polygons[0].at("segmentation"), (OrderedJson{{3, 0, 3, 2, 2, 2, 2, 0}}));
  const OrderedJson runs = read(outputs.written(), "rle").at("annotations");
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].at("segmentation"), (OrderedJson{{"size", {3, 5}}, {"counts", "?"}}));
  EXPECT_EQ(runs[0].at("bbox"), (OrderedJson{0, 0, 0, 0}));
}

TEST_F(ImageOutputsTest, HolesAreInTheirPolygon) {
  ImageOutputs outputs = make({.polygon = true}, 1, "a.png");
  outputs.add(0, {answer_of(mask_picture({".###.", ".#.#.", ".###."}))});
  outputs.finish();
  EXPECT_TRUE(outputs.left_out().empty());
  const OrderedJson annotation = read(outputs.written(), "polygon").at("annotations").at(0);
  ASSERT_EQ(annotation.at("segmentation").size(), 1u);
  EXPECT_EQ(annotation.at("segmentation")[0],
            (OrderedJson{4, 0, 4, 3, 1, 3, 1, 1, 2, 1, 2, 2, 3, 2, 3, 1, 2, 1, 1, 1, 1, 0}));
  EXPECT_EQ(annotation.at("area"), 8);
  EXPECT_EQ(annotation.at("bbox"), (OrderedJson{1, 0, 3, 3}));
  EXPECT_EQ(annotation.at("iscrowd"), 0);
}

TEST_F(ImageOutputsTest, WhatWasWrittenBeforeAnErrorIsKnown) {
  ImageOutputs outputs = make({.rle = true, .polygon = true}, 1, "a.png");
  outputs.add(0, {answer_of(mask_picture({"#....", ".....", "....."}))});
  EXPECT_TRUE(outputs.written().empty());
  // Its name is taken after it was chosen.
  std::filesystem::create_directory(folder() + "a_polygon.json");
  EXPECT_THROW(outputs.finish(), OutputError);
  EXPECT_EQ(outputs.written(), (OrderedJson{{"rle", {folder() + "a_rle.json"}}}));
}

TEST_F(ImageOutputsTest, NamesThatAreTooLongAreRefusedBeforehand) {
  // 80 characters of three bytes, and "_polygon.json": 253 bytes. One more is 256.
  std::string stem;
  for (int i = 0; i < 80; ++i) stem += "\u5716";
  make({.polygon = true}, 1, stem + ".png").check_names();
  const ImageOutputs outputs = make({.polygon = true}, 1, stem + "\u5716.png");
  EXPECT_THROW(outputs.check_names(), OutputError);
}

}  // namespace
}  // namespace lasso::app
