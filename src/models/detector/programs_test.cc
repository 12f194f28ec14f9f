#include "models/detector/programs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "engine/run/session.h"
#include "graph/builder.h"
#include "support/errors.h"

namespace lasso::detector {
namespace {

using graph::Builder;
using graph::Dim;
using graph::ValueId;

constexpr auto kInvalid = ErrorCode::kInvalidArgument;

TEST(DetectorRules, DefaultsAndOverrides) {
  const DetectorInfo raw{.classes = 3};
  EXPECT_EQ(rules_for(raw, {}), Rules{});
  const Rules given = rules_for(raw, {0.5, 0.0, 7, {2, 0, 2}, true, true});
  EXPECT_EQ(given, (Rules{0.5, 0.0, 7, {0, 2}, true, true}));
  const DetectorInfo own{
      .form = DetectorForm::kEfficientNms, .conf_thres = 0.4, .iou_thres = 0.6, .topk = 100};
  EXPECT_EQ(rules_for(own, {}), (Rules{0.4, 0.6, 100, {}, false, false}));
  DetectOptions options;
  options.iou_thres = 0.3;
  options.topk = 300;
  EXPECT_EQ(rules_for(own, options), (Rules{0.4, 0.3, 100, {}, false, false}));
  options.topk = 30;
  EXPECT_EQ(rules_for(own, options).topk, 30);
}

TEST(DetectorRules, RefusesWhatIsOutOfRange) {
  const DetectorInfo raw{.classes = 3};
  DetectOptions options;
  options.conf_thres = 1.5;
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "conf_thres is 1.5");
  options.conf_thres = std::nan("");
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "conf_thres is nan");
  options = {};
  options.iou_thres = -0.1;
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "iou_thres is -0.1");
  options = {};
  options.topk = 0;
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "topk is 0: 1 to 30000");
  options.topk = 30001;
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "topk is 30001");
  options = {};
  options.classes = {3};
  EXPECT_ERROR(rules_for(raw, options), kInvalid, "class 3: expected 0 to 2");
  options.classes = {-1};
  EXPECT_ERROR(rules_for({.classes = 0}, options), kInvalid, "class -1");
  const DetectorInfo rows{.form = DetectorForm::kNonMaxSuppression, .topk = 100};
  options = {};
  options.agnostic = true;
  EXPECT_ERROR(rules_for(rows, options), kInvalid, "agnostic: the model brings");
  options = {};
  options.multi_label = true;
  EXPECT_ERROR(rules_for(rows, options), kInvalid, "multi_label: the model brings");
}

// A network of the form, which is not run.
graph::Graph network(const std::vector<graph::Shape>& outputs, DType dtype = DType::kF32) {
  Builder b("main");
  const ValueId x = b.input("images", DType::kF32, {Dim::symbol("batch"), 3, 64, 32});
  const ValueId zero =
      b.add("zero", graph::Reduce{graph::ReduceKind::kMean, {0, 1, 2, 3}, false}, {x});
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string name = "output_" + std::to_string(i);
    ValueId value = b.add(name, graph::Expand{outputs[i]}, {zero});
    if (dtype != DType::kF32) value = b.add(name + ".typed", graph::Cast{dtype}, {value});
    b.output(value, name);
  }
  return b.finish();
}

std::shared_ptr<const engine::CompiledModule> compiled(graph::Graph graph) {
  engine::CompileOptions options;
  options.target = backend::test_target(2);
  graph::Module module;
  module.programs.push_back(std::move(graph));
  return engine::compile(std::move(module), options);
}

// Not rounded up: quotients in float32 that are above the one are above the other.
TEST(DetectionsProgram, RoundsTheThresholdOfOverlapsDown) {
  const graph::Graph boxes = network({{Dim::symbol("batch"), 126, 6}});
  const Interface interface {
    .info = {.classes = 1}, .outputs = { 0 }
  };
  const auto threshold = [&](double iou_thres) {
    Rules rules;
    rules.iou_thres = iou_thres;
    const auto graph = detections_program(boxes, interface, {}, rules);
    return std::get<graph::DetectionNms>(graph.nodes.back().op).iou_threshold;
  };
  EXPECT_EQ(threshold(0.45), 0.45F);
  EXPECT_EQ(threshold(0.6), std::nextafter(0.6F, 0.0F)) << "0.6F is above 0.6";
  EXPECT_EQ(threshold(0.5), 0.5F);
}

float sigmoid(float x) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x)))); }

// Maps of strides 8, 16 and 32 of images of 32 x 64 pixels, two anchors a place and three classes:
// each value is decoded by itself, in double precision. With a threshold below all scores and no
// overlap that counts, all boxes come back, best first.
TEST(DetectionsProgram, DecodesMaps) {
  constexpr std::int64_t kFields = 8;
  constexpr std::int64_t kAnchors = 2;
  const Dim batch = Dim::symbol("batch");
  const std::vector<float> anchors{3, 5, 7, 4, 10, 12, 14, 9, 30, 20, 25, 40};
  for (const bool planes : {false, true}) {
    const auto shape = [&](std::int64_t stride) {
      return planes ? graph::Shape{batch, kAnchors * kFields, 64 / stride, 32 / stride}
                    : graph::Shape{batch, kAnchors, 64 / stride, 32 / stride, kFields};
    };
    // The coarsest first.
    const graph::Graph maps = network({shape(32), shape(16), shape(8)});
    const Interface interface {
      .info = {.form = DetectorForm::kMaps, .stride = 32, .classes = 3}, .outputs = {2, 1, 0},
      .anchors = static_cast<int>(kAnchors)
    };
    Rules rules;
    rules.conf_thres = 0;
    rules.iou_thres = 1;
    const auto module = compiled(detections_program(maps, interface, anchors, rules));
    engine::Session session(module, {});
    EXPECT_EQ(module->programs[0].symbols,
              (std::vector<std::string>{"images", "rows_0", "columns_0", "rows_1", "columns_1",
                                        "rows_2", "columns_2"}));
    struct Expected {
      double x, y, w, h;
      float score;
      std::int32_t label;
    };
    std::vector<Expected> expected;
    std::vector<std::vector<float>> values;
    SplitMix64 random(5);
    for (std::int64_t m = 0; m < 3; ++m) {
      const std::int64_t stride = std::int64_t{8} << m;
      const std::int64_t rows = 64 / stride;
      const std::int64_t columns = 32 / stride;
      auto& map =
          values.emplace_back(static_cast<std::size_t>(kAnchors * kFields * rows * columns));
      for (float& value : map) value = random.uniform(-2, 2);
      for (std::int64_t a = 0; a < kAnchors; ++a) {
        for (std::int64_t y = 0; y < rows; ++y) {
          for (std::int64_t x = 0; x < columns; ++x) {
            const auto field = [&](std::int64_t f) {
              const std::int64_t at = planes ? ((a * kFields + f) * rows + y) * columns + x
                                             : ((a * rows + y) * columns + x) * kFields + f;
              return sigmoid(map[static_cast<std::size_t>(at)]);
            };
            const auto anchor = static_cast<std::size_t>((m * kAnchors + a) * 2);
            Expected& box = expected.emplace_back();
            box.x = (2.0 * field(0) - 0.5 + static_cast<double>(x)) * static_cast<double>(stride);
            box.y = (2.0 * field(1) - 0.5 + static_cast<double>(y)) * static_cast<double>(stride);
            box.w = 4.0 * field(2) * field(2) * anchors[anchor];
            box.h = 4.0 * field(3) * field(3) * anchors[anchor + 1];
            for (std::int64_t k = 0; k < 3; ++k) {
              const float score = field(4) * field(5 + k);
              if (k == 0 || score > box.score) {
                box.score = score;
                box.label = static_cast<std::int32_t>(k);
              }
            }
          }
        }
      }
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Expected& a, const Expected& b) { return a.score > b.score; });
    const std::vector<std::int64_t> symbols{1, 8, 4, 4, 2, 2, 1};
    const std::vector<engine::ConstTensorRef> inputs{values[0].data(), values[1].data(),
                                                     values[2].data()};
    std::int32_t count = 0;
    std::int32_t bad = -1;
    std::vector<float> boxes(300 * 4);
    std::vector<float> scores(300);
    std::vector<std::int32_t> labels(300);
    const std::vector<engine::TensorRef> outputs{&count, boxes.data(), scores.data(), labels.data(),
                                                 &bad};
    session.run(0, symbols, inputs, outputs);
    ASSERT_EQ(count, static_cast<std::int32_t>(expected.size()));
    EXPECT_EQ(bad, 0);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE(std::to_string(i));
      const Expected& box = expected[i];
      EXPECT_NEAR(scores[i], box.score, 1e-6);
      EXPECT_EQ(labels[i], box.label);
      EXPECT_NEAR(boxes[i * 4], box.x - box.w / 2, 1e-3);
      EXPECT_NEAR(boxes[i * 4 + 1], box.y - box.h / 2, 1e-3);
      EXPECT_NEAR(boxes[i * 4 + 2], box.x + box.w / 2, 1e-3);
      EXPECT_NEAR(boxes[i * 4 + 3], box.y + box.h / 2, 1e-3);
    }
  }
}

TEST(DetectionsProgram, TakesHalves) {
  const graph::Graph boxes = network({{Dim::symbol("batch"), 126, 6}}, DType::kF16);
  const Interface interface {
    .info = {.classes = 1}, .outputs = { 0 }
  };
  const auto graph = detections_program(boxes, interface, {}, {});
  EXPECT_EQ(graph.value(graph.inputs[0]).dtype, DType::kF16);
  EXPECT_EQ(graph.nodes.size(), 2U);
}

TEST(OwnRules, ChangeTheNodeAndShareTheWeights) {
  Builder b("main");
  const ValueId x = b.input("x", DType::kF32, {2, 8});
  const ValueId w = b.constant("w", make_tensor({12, 8}, std::vector<float>(96, 1.0F)));
  const ValueId y = b.add("y", graph::Linear{}, {x, w});
  const ValueId boxes = b.add("boxes", graph::Reshape{{2, 3, 4}}, {y});
  const auto found = b.add_results({"n", "boxes.found", "scores", "classes"},
                                   graph::EfficientNms{.score_threshold = 0.25F},
                                   {boxes, b.add("s", graph::Slice{2, 0, 2}, {boxes})});
  for (const ValueId id : found) b.output(id, b.value(id).name);
  const auto module = compiled(b.finish());
  const DetectorInfo info{
      .form = DetectorForm::kEfficientNms, .conf_thres = 0.25, .iou_thres = 0.5, .topk = 100};
  EXPECT_EQ(with_rules(module, info, rules_for(info, {})), module);
  DetectOptions options;
  options.conf_thres = 0.75;
  options.agnostic = true;
  const auto changed = with_rules(module, info, rules_for(info, options));
  ASSERT_NE(changed, module);
  EXPECT_EQ(changed->weights.data(), module->weights.data());
  const auto op_of = [](const engine::CompiledModule& m) {
    return std::get<graph::EfficientNms>(m.programs[0].graph.nodes.back().op);
  };
  EXPECT_EQ(op_of(*changed),
            (graph::EfficientNms{.score_threshold = 0.75F, .class_agnostic = true}));
  EXPECT_EQ(op_of(*module), graph::EfficientNms{.score_threshold = 0.25F});
}

}  // namespace
}  // namespace lasso::detector
