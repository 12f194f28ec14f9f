#include "models/detector/calibrate/agreement.h"

#include <gtest/gtest.h>

#include <vector>

namespace lasso::detector {
namespace {

using Found = std::vector<Detection>;

Detection box(float x, float score, std::int32_t class_id = 0, float shift = 0) {
  return {{x + shift, 0, x + 10 + shift, 10}, score, class_id};
}

TEST(BoxAgreement, OfEqualBoxesIsOne) {
  BoxAgreement agreement(0.25);
  // Scores that fall alike keep their order: what is below the threshold are no objects, and no
  // mistakes.
  const Found boxes{box(0, 0.9F), box(20, 0.6F, 7), box(40, 0.2F), box(60, 0.1F, 9)};
  agreement.add(boxes, 3, boxes);
  agreement.add(boxes, 5, boxes);
  const quant::Score score = agreement.score();
  EXPECT_DOUBLE_EQ(score.mean, 1);
  EXPECT_DOUBLE_EQ(score.lowest, 1);
  EXPECT_EQ(score.standard_error, 0);
  EXPECT_EQ(score.run_ms, 5);  // the first run does not count
  EXPECT_EQ(score.without_evidence, 0);
  EXPECT_EQ(agreement.images(), 2);
  EXPECT_EQ(agreement.boxes(), 4);
  EXPECT_DOUBLE_EQ(agreement.precision_50(), 1);
}

// More boxes of a class than COCO's evaluation counts, and one that the image's edge leaves nothing
// of.
TEST(BoxAgreement, OfManyEqualBoxesIsOne) {
  Found boxes;
  for (int i = 0; i < 150; ++i) boxes.push_back(box(static_cast<float>(20 * i), 0.5F));
  boxes.push_back({{640, 5, 640, 25}, 0.9F, 0});
  boxes.push_back({{5, 0, 25, 0}, 0.9F, 1});
  BoxAgreement agreement(0.25);
  agreement.add(boxes, 1, boxes);
  EXPECT_DOUBLE_EQ(agreement.score().mean, 1);
  EXPECT_EQ(agreement.boxes(), 150);
  // An image with nothing but such boxes is no evidence.
  agreement.add({boxes.back()}, 1, {boxes.back()});
  EXPECT_EQ(agreement.score().without_evidence, 1);
  EXPECT_EQ(agreement.images(), 1);
}

TEST(BoxAgreement, CountsWhatIsMissedAndMoved) {
  BoxAgreement missed(0.25);
  missed.add({box(0, 0.9F)}, 1, {box(0, 0.9F), box(20, 0.8F)});
  EXPECT_NEAR(missed.score().mean, 51.0 / 101, 1e-9);  // recalls of 0, 0.01, ..., 0.5
  // An IoU of 9 / 11 holds at 0.50, 0.55, ..., 0.80, which are 7 of 10 thresholds.
  BoxAgreement moved(0.25);
  moved.add({box(0, 0.9F, 0, 1)}, 1, {box(0, 0.9F)});
  EXPECT_NEAR(moved.score().mean, 0.7, 1e-9);
  EXPECT_NEAR(moved.precision_50(), 1, 1e-9);
  // A class counts as much as another, however many boxes it has.
  BoxAgreement classes(0.25);
  classes.add({box(0, 0.9F), box(20, 0.9F)}, 1, {box(0, 0.9F), box(20, 0.9F), box(40, 0.9F, 3)});
  EXPECT_NEAR(classes.score().mean, 0.5, 1e-9);
}

TEST(BoxAgreement, AScoreBelowTheThresholdKeepsItsPlace) {
  BoxAgreement agreement(0.25);
  agreement.add({box(0, 0.24F)}, 1, {box(0, 0.26F)});
  EXPECT_DOUBLE_EQ(agreement.score().mean, 1);
  // A better score for what is no object is a mistake in front of it.
  BoxAgreement wrong(0.25);
  wrong.add({box(0, 0.3F), box(20, 0.4F)}, 1, {box(0, 0.3F), box(20, 0.2F)});
  EXPECT_NEAR(wrong.score().mean, 0.5, 1e-9);
}

TEST(BoxAgreement, ImagesWithoutBoxesAreNoEvidence) {
  BoxAgreement agreement(0.25);
  EXPECT_EQ(agreement.score().mean, 0);
  EXPECT_EQ(agreement.score().lowest, 0);
  agreement.add({}, 1, {});
  agreement.add({box(0, 0.2F)}, 1, {box(0, 0.1F)});
  EXPECT_EQ(agreement.score().mean, 0);
  EXPECT_EQ(agreement.score().without_evidence, 2);
  EXPECT_EQ(agreement.images(), 0);
  EXPECT_EQ(agreement.boxes(), 0);
  // One that only the engine finds something in is: it found something wrong.
  agreement.add({box(0, 0.9F)}, 1, {});
  EXPECT_EQ(agreement.images(), 1);
  EXPECT_EQ(agreement.score().mean, 0);
  agreement.add({box(0, 0.8F)}, 1, {box(0, 0.8F)});
  EXPECT_NEAR(agreement.score().mean, 0.5, 1e-9);
  EXPECT_EQ(agreement.score().lowest, 0);
  EXPECT_EQ(agreement.images(), 2);
}

TEST(BoxAgreement, WhatIsNotFiniteHasFoundNothing) {
  BoxAgreement agreement(0.25);
  agreement.add({box(0, 0.9F)}, 4, {box(0, 0.9F)});
  agreement.add({}, 0, {box(0, 0.9F)});
  EXPECT_NEAR(agreement.score().mean, 51.0 / 101, 1e-9);
  EXPECT_EQ(agreement.score().run_ms, 4);
  EXPECT_EQ(agreement.score().lowest, 0);
  // Without one the mean is 0, without the other 1: sqrt((0.25 + 0.25) / 2).
  EXPECT_NEAR(agreement.score().standard_error, 0.5, 1e-9);
}

TEST(BoxAgreement, ClassesMayHaveAnyNumbers) {
  BoxAgreement agreement(-1);
  const Found boxes{box(0, 0.9F, -5), box(0, 0.1F, 2147483647)};
  agreement.add(boxes, 1, boxes);
  EXPECT_DOUBLE_EQ(agreement.score().mean, 1);
  EXPECT_EQ(agreement.boxes(), 2);
}

TEST(BoxAgreement, OptionsKeepAModelsOwnThresholds) {
  DetectorInfo raw;
  EXPECT_EQ(measuring_options(raw).conf_thres, 0.001);
  EXPECT_EQ(object_threshold(raw), 0.25);
  DetectorInfo own;
  own.form = DetectorForm::kEfficientNms;
  EXPECT_EQ(measuring_options(own).conf_thres, std::nullopt);
  EXPECT_EQ(object_threshold(own), -1);
}

}  // namespace
}  // namespace lasso::detector
