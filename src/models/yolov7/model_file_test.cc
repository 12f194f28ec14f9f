#include "models/yolov7/model_file.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/json.h"
#include "formats/checkpoint.h"
#include "models/yolov7/checkpoint/checkpoint.h"
#include "models/yolov7/describe/describe.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_detector.h"

namespace lasso::yolov7 {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

engine::LoadedEngine small_engine(const FixedImages& fixed = {}) {
  const TempDir dir;
  SmallDetector().write(dir / "a.pt");
  const Network network = read_network(open_torch(MappedFile::open(dir / "a.pt")));
  graph::Module module;
  module.programs.push_back(describe(network, fixed, "a.pt"));
  engine::CompileOptions options;
  options.reference = true;
  options.target.threads = 1;
  engine::LoadedEngine engine;
  engine.module = engine::compile(std::move(module), options);
  engine.model = record_of(network, "0123");
  return engine;
}

TEST(YoloModelFile, ARecordIsReadBack) {
  const DetectorModel model = read_model(small_engine(), "a.lasso");
  EXPECT_EQ(model.architecture, "YOLOv7 of 4 blocks");
  EXPECT_EQ(model.channels, 3);
  EXPECT_EQ(model.names, (std::vector<std::string>{"cat", "dog", "caf\xc3\xa9"}));
  EXPECT_EQ(model.levels, (std::vector<DetectionLevel>{{2, {{4, 6}, {8, 10}}}}));
  EXPECT_EQ(model.largest_stride(), 2);
  EXPECT_EQ(model.hash, "0123");
  EXPECT_EQ(model.parameters, 276U);
  EXPECT_EQ(model.batch, 0);
  EXPECT_EQ(model.height, 0);
  EXPECT_EQ(model.width, 0);
  const DetectorModel fixed = read_model(small_engine({2, 0, 5}), "a.lasso");
  EXPECT_EQ(fixed.batch, 2);
  EXPECT_EQ(fixed.height, 0);
  EXPECT_EQ(fixed.width, 10);
}

TEST(YoloModelFile, RecordsOfOtherProgramsAreRefused) {
  const engine::LoadedEngine good = small_engine();
  const Json record = Json::parse(good.model.description);
  const std::vector<std::pair<std::function<void(Json&)>, const char*>> changes{
      {[](Json& r) { r.erase("names"); }, "expected a field \"names\""},
      {[](Json& r) { r["more"] = 1; }, "fields"},
      {[](Json& r) { r["names"] = Json::array(); }, "expected a class"},
      {[](Json& r) { r["names"][0] = ""; }, "texts in UTF-8"},
      {[](Json& r) { r["names"].push_back("fourth"); }, "an output \"output\""},
      {[](Json& r) { r["channels"] = 1; }, "an input \"images\""},
      {[](Json& r) { r["channels"] = 0; }, "1 to 64 channels"},
      {[](Json& r) { r["levels"] = Json::array(); }, "1 to 8 levels"},
      {[](Json& r) { r["levels"][0]["stride"] = 0; }, "strides from 1 to 1024"},
      {[](Json& r) { r["levels"][0]["stride"] = 4; }, "sides of images are multiples"},
      {[](Json& r) {
         r["levels"][0]["anchors"] = {1.0, 2.0, 3.0};
       },
       "two sides of each anchor"},
      {[](Json& r) {
         r["levels"][0]["anchors"] = {1.0, 2.0};
       },
       "an output \"output\""},
      {[](Json& r) { r["levels"][0]["anchors"][1] = -1.0; }, "sides up to"},
      {[](Json& r) {
         r["levels"].push_back(r["levels"][0]);
         r["levels"][1]["stride"] = 3;
       },
       "strides that divide 3"}};
  for (const auto& [change, message] : changes) {
    Json changed = record;
    change(changed);
    engine::LoadedEngine engine = good;
    engine.model.description = changed.dump();
    EXPECT_ERROR(read_model(engine, "a.lasso"), ErrorCode::kCorruptFile, message);
  }
}

TEST(YoloModelFile, PublishedLevels) {
  EXPECT_EQ(published_levels("yolov7").at(2).anchors.at(2), (Anchor{459, 401}));
  EXPECT_EQ(published_levels("yolov7-tiny").at(0).anchors.at(0), (Anchor{10, 13}));
  EXPECT_EQ(published_levels("yolov7-w6").at(3).stride, 64);
  EXPECT_ERROR(published_levels("yolov8"), ErrorCode::kInvalidArgument, "yolov7-w6");
}

}  // namespace
}  // namespace lasso::yolov7
