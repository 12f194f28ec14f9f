#include "models/detector/recognise.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "graph/builder.h"

namespace lasso::detector {
namespace {

using graph::Builder;
using graph::Dim;
using graph::Shape;
using graph::ValueId;

const Dim kBatch = Dim::symbol("batch");

// A program whose outputs have these shapes, whatever they hold.
graph::Graph program(const Shape& images, const std::vector<Shape>& outputs,
                     DType input = DType::kF32) {
  Builder b("main");
  ValueId x = b.input("images", input, images);
  if (input != DType::kF32) x = b.add("x", graph::Cast{DType::kF32}, {x});
  const ValueId zero = b.constant("zero", make_tensor({1}, std::vector<float>{0}));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string name = "output_" + std::to_string(i);
    b.output(b.add(name, graph::Expand{outputs[i]}, {zero}), name);
  }
  b.add("unused", graph::Unary{graph::UnaryKind::kAbs}, {x});
  return b.take();
}

const Shape kImages{kBatch, 3, 640, 640};

DetectorInfo info_of(const graph::Graph& graph) {
  const Recognised recognised = recognise(graph);
  EXPECT_EQ(recognised.reason, "");
  return recognised.interface ? recognised.interface->info : DetectorInfo{};
}

void expect_refused(const graph::Graph& graph, const std::string& reason) {
  const Recognised recognised = recognise(graph);
  EXPECT_FALSE(recognised.interface);
  EXPECT_NE(recognised.reason.find(reason), std::string::npos) << recognised.reason;
}

TEST(RecogniseDetector, Boxes) {
  const DetectorInfo info = info_of(program(kImages, {{kBatch, 25200, 85}}));
  EXPECT_EQ(info.form, DetectorForm::kBoxes);
  EXPECT_EQ(info.width, 640);
  EXPECT_EQ(info.height, 640);
  EXPECT_EQ(info.batch, 0);
  EXPECT_EQ(info.stride, 32);
  EXPECT_EQ(info.classes, 80);
  EXPECT_EQ(info.topk, 0);
  // Four maps of 1280 pixels: 3 (160^2 + 80^2 + 40^2 + 20^2).
  const DetectorInfo large = info_of(program({1, 3, 1280, 1280}, {{1, 102000, 6}}));
  EXPECT_EQ(large.stride, 64);
  EXPECT_EQ(large.batch, 1);
  EXPECT_EQ(large.classes, 1);
  // Beside the maps that they are made of.
  EXPECT_EQ(info_of(program(kImages, {{kBatch, 3, 80, 80, 85}, {kBatch, 25200, 85}})).classes, 80);
}

TEST(RecogniseDetector, OpenSizes) {
  const Dim rows = Dim::symbol("rows");
  const Dim columns = Dim::symbol("columns");
  const DetectorInfo info =
      info_of(program({kBatch, 3, rows * 32, columns * 32}, {{kBatch, rows * columns * 63, 25}}));
  EXPECT_EQ(info.width, 0);
  EXPECT_EQ(info.height, 0);
  EXPECT_EQ(info.stride, 32);
  EXPECT_EQ(info.classes, 20);
  expect_refused(program({kBatch, 3, rows * 32 + 1, columns * 32}, {{kBatch, 25200, 85}}),
                 "no numbers, symbols or multiples");
}

TEST(RecogniseDetector, Maps) {
  const auto graph =
      program(kImages, {{kBatch, 3, 20, 20, 85}, {kBatch, 3, 80, 80, 85}, {kBatch, 3, 40, 40, 85}});
  const Recognised recognised = recognise(graph);
  ASSERT_TRUE(recognised.interface) << recognised.reason;
  EXPECT_EQ(recognised.interface->info.form, DetectorForm::kMaps);
  EXPECT_EQ(recognised.interface->outputs, (std::vector<std::size_t>{1, 2, 0}));
  EXPECT_EQ(recognised.interface->anchors, 3);
  EXPECT_EQ(recognised.interface->info.classes, 80);
  ASSERT_EQ(recognised.interface->info.anchors.size(), 18U);
  EXPECT_EQ(recognised.interface->info.anchors[0], 12);
  EXPECT_EQ(recognised.interface->info.anchors[17], 401);
  // Anchors and fields in one dimension, and four maps.
  const DetectorInfo planes = info_of(
      program({1, 3, 128, 64}, {{1, 18, 16, 8}, {1, 18, 8, 4}, {1, 18, 4, 2}, {1, 18, 2, 1}}));
  EXPECT_EQ(planes.classes, 1);
  EXPECT_EQ(planes.stride, 64);
  EXPECT_EQ(planes.anchors.size(), 24U);
  // Others than three anchors are not known.
  EXPECT_EQ(info_of(program(kImages, {{1, 2, 80, 80, 85}, {1, 2, 40, 40, 85}, {1, 2, 20, 20, 85}}))
                .anchors.size(),
            0U);
  expect_refused(program(kImages, {{1, 3, 80, 80, 85}, {1, 3, 40, 40, 85}, {1, 3, 20, 21, 85}}),
                 "boxes [batch, boxes, 5 + classes]");
  expect_refused(program(kImages, {{1, 3, 80, 80, 85}, {1, 3, 40, 40, 85}, {1, 3, 10, 10, 85}}),
                 "boxes [batch, boxes, 5 + classes]");
}

// Models whose boxes mean something else, or are something else.
TEST(RecogniseDetector, RefusesOthers) {
  expect_refused(program(kImages, {{kBatch, 84, 8400}}), "no number of boxes a place");
  expect_refused(program(kImages, {{kBatch, 8400, 84}}), "models without anchors");
  expect_refused(program(kImages, {{kBatch, 300, 6}}), "has 300 for images of 640x640");
  expect_refused(program(kImages, {{kBatch, 25200, 117}, {kBatch, 32, 160, 160}}), "output_1");
  expect_refused(program(kImages, {{kBatch, 1000}}), "\"output_0\" float32 [batch, 1000]");
  expect_refused(program({kBatch, 1, 640, 640}, {{kBatch, 25200, 85}}), "a batch of images");
  expect_refused(program({kBatch, 640, 640, 3}, {{kBatch, 25200, 85}}), "a batch of images");
  expect_refused(program(kImages, {{kBatch, 25200, 85}}, DType::kU8), "images\" uint8");
  EXPECT_EQ(info_of(program(kImages, {{kBatch, 25200, 85}}, DType::kF16)).classes, 80);
}

TEST(RecogniseDetector, RefusesWhatTakesNothing) {
  Builder b("main");
  const ValueId one = b.constant("one", make_tensor({1}, std::vector<float>{1}));
  b.output(b.add("y", graph::Expand{{1, 25200, 85}}, {one}), "y");
  expect_refused(b.take(), "it takes nothing");
}

TEST(RecogniseDetector, RefusesNumbersThatAreTooLarge) {
  const Dim rows = Dim::symbol("rows");
  expect_refused(
      program({kBatch, 3, rows * 32, 640}, {{kBatch, rows * (std::int64_t{1} << 62), 85}}), "");
  expect_refused(program({kBatch, 3, std::int64_t{1} << 40, 640}, {{kBatch, 25200, 85}}),
                 "a size is 1099511627776");
}

struct Suppressing {
  Builder b{"main"};
  ValueId images = b.input("images", DType::kF32, {kBatch, 3, 64, 64});
  ValueId boxes = expanded("boxes", {kBatch, 252, 4});

  ValueId expanded(const std::string& name, const Shape& shape) {
    const ValueId mean = b.add(
        name + ".mean", graph::Reduce{graph::ReduceKind::kMean, {0, 1, 2, 3}, false}, {images});
    return b.add(name, graph::Expand{shape}, {mean});
  }
};

TEST(RecogniseDetector, EfficientNms) {
  Suppressing s;
  const graph::EfficientNms op{.score_threshold = 0.5F, .iou_threshold = 0.625F, .max_outputs = 7};
  const auto found = s.b.add_results({"count", "corners", "scores", "labels"}, op,
                                     {s.boxes, s.expanded("by_box", {kBatch, 252, 9})});
  // In another order, the count in another shape.
  s.b.output(found[3], "classes");
  s.b.output(found[1], "corners");
  s.b.output(s.b.add("n", graph::Reshape{{kBatch, 1}}, {found[0]}), "n");
  s.b.output(found[2], "scores");
  const Recognised recognised = recognise(s.b.finish());
  ASSERT_TRUE(recognised.interface) << recognised.reason;
  EXPECT_EQ(recognised.interface->outputs, (std::vector<std::size_t>{2, 1, 3, 0}));
  const DetectorInfo& info = recognised.interface->info;
  EXPECT_EQ(info.form, DetectorForm::kEfficientNms);
  EXPECT_EQ(info.classes, 9);
  EXPECT_EQ(info.conf_thres, 0.5);
  EXPECT_EQ(info.iou_thres, 0.625);
  EXPECT_EQ(info.topk, 7);
}

TEST(RecogniseDetector, EfficientNmsInside) {
  Suppressing s;
  const auto found =
      s.b.add_results({"count", "corners", "scores", "labels"}, graph::EfficientNms{},
                      {s.boxes, s.expanded("by_box", {kBatch, 252, 9})});
  s.b.output(s.b.add("best", graph::Slice{1, 0, 1}, {found[1]}), "best");
  expect_refused(s.b.finish(), "four results of its EfficientNMS_TRT node");
}

TEST(RecogniseDetector, NonMaxSuppression) {
  for (const bool counted : {true, false}) {
    Suppressing s;
    const graph::NonMaxSuppression op{.max_per_class = 5,
                                      .iou_threshold = 0.625F,
                                      .has_score_threshold = true,
                                      .score_threshold = 0.5F};
    const auto found =
        s.b.add_results({"selected", "n"}, op, {s.boxes, s.expanded("by_class", {kBatch, 2, 252})});
    const ValueId real = s.b.add("real", graph::Cast{DType::kF32}, {found[0]});
    const ValueId rows = s.b.add("rows", graph::Concat{1},
                                 {real, real, s.b.add("one", graph::Slice{1, 0, 1}, {real})});
    if (counted) s.b.set_count(rows, found[1]);
    s.b.output(rows, "rows");
    s.b.output(found[1], "n");
    const auto graph = s.b.take();
    if (!counted) {
      expect_refused(graph, "rows of what its NonMaxSuppression node leaves");
      continue;
    }
    const Recognised recognised = recognise(graph);
    ASSERT_TRUE(recognised.interface) << recognised.reason;
    EXPECT_EQ(recognised.interface->outputs, (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(recognised.interface->info.form, DetectorForm::kNonMaxSuppression);
    EXPECT_EQ(recognised.interface->info.conf_thres, 0.5);
    EXPECT_EQ(recognised.interface->info.topk, 10) << "five of each of two classes";
  }
}

TEST(BindSize, FindsSymbols) {
  graph::Bindings bindings;
  EXPECT_TRUE(bind_size(Dim::symbol("rows") * 32, 96, bindings));
  EXPECT_EQ(bindings.at("rows"), 3);
  EXPECT_TRUE(bind_size(Dim::symbol("rows"), 3, bindings));
  EXPECT_FALSE(bind_size(Dim::symbol("rows"), 4, bindings)) << "it has another value";
  EXPECT_FALSE(bind_size(Dim::symbol("columns") * 32, 97, bindings));
  EXPECT_FALSE(bind_size(Dim::symbol("columns") + 1, 97, bindings));
  EXPECT_FALSE(bind_size(Dim::symbol("columns") * Dim::symbol("columns"), 4, bindings));
  EXPECT_TRUE(bind_size(5, 5, bindings));
  EXPECT_FALSE(bind_size(5, 6, bindings));
}

}  // namespace
}  // namespace lasso::detector
