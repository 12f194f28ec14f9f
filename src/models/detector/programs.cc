#include "models/detector/programs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "graph/builder.h"

namespace lasso::detector {

using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Dim;
using graph::Graph;
using graph::ValueId;

namespace {

constexpr int kBoxFields = 5;

void check_threshold(const char* name, const std::optional<double>& value) {
  LASSO_CHECK(!value || (*value >= 0 && *value <= 1), ErrorCode::kInvalidArgument,
              "{} is {}: a number from 0 to 1 is expected", name, *value);
}

std::vector<int> checked_classes(const DetectorInfo& info, std::vector<int> classes) {
  for (const int label : classes) {
    LASSO_CHECK(label >= 0 && (info.classes == 0 || label < info.classes),
                ErrorCode::kInvalidArgument, "class {}: expected 0 to {}", label,
                info.classes == 0 ? "what the model has" : std::to_string(info.classes - 1));
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return classes;
}

// The largest float32 that is not above a threshold: quotients in float32 are above both or none.
float not_above(double threshold) {
  const auto nearest = static_cast<float>(threshold);
  if (static_cast<double>(nearest) <= threshold) return nearest;
  return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
}

class MapDecoder {
 public:
  MapDecoder(Builder& builder, std::int64_t classes, int anchors_of_place)
      : b_(builder), fields_(kBoxFields + classes), anchors_(anchors_of_place) {}

  // Boxes [images, anchors * rows * columns, 5 + classes] of a map [images, anchors * fields, rows,
  // columns] or [images, anchors, rows, columns, fields] that is not decoded: with s =
  // sigmoid(map),
  //   centre = (2 s - 1/2 + (column, row)) stride;   sides = (2 s)^2 anchor.
  ValueId decode(const std::string& name, ValueId map, float stride, const float* anchors) {
    name_ = name;
    const graph::Shape shape = b_.shape(map);
    const Dim& images = shape[0];
    const Dim& rows = shape[2];
    const Dim& columns = shape[3];
    if (shape.size() == 4) {
      map = add("split", graph::Reshape{{images, anchors_, fields_, rows, columns}}, {map});
      map = add("last", graph::Transpose{{0, 1, 3, 4, 2}}, {map});
    }
    const ValueId s = add("sigmoid", graph::Unary{graph::UnaryKind::kSigmoid}, {map});
    const ValueId twice = mul("twice", slice("box", s, 0, 4), number("two", 2.0F));
    const ValueId places =
        add("places", graph::Concat{2}, {columns_of(rows, columns), rows_of(rows, columns)});
    const ValueId offset = add("offset", Binary{BinaryKind::kSub}, {places, number("half", 0.5F)});
    const ValueId centers =
        mul("centers",
            add("moved", Binary{BinaryKind::kAdd}, {slice("twice.centers", twice, 0, 2), offset}),
            number("stride", stride));
    const ValueId sides = slice("twice.sides", twice, 2, 4);
    const ValueId sizes = b_.constant(
        name_ + ".anchors",
        make_tensor({anchors_, 1, 1, 2},
                    std::vector<float>(anchors, anchors + std::ptrdiff_t{2} * anchors_)));
    const ValueId boxes = add("fields", graph::Concat{4},
                              {centers, mul("sides", mul("squares", sides, sides), sizes),
                               slice("scores", s, 4, fields_)});
    return add("boxes", graph::Reshape{{images, rows * columns * Dim(anchors_), fields_}}, {boxes});
  }

 private:
  ValueId add(const std::string& what, graph::Op op, std::vector<ValueId> inputs) {
    return b_.add(name_ + "." + what, std::move(op), std::move(inputs));
  }
  ValueId mul(const std::string& what, ValueId a, ValueId b) {
    return add(what, Binary{BinaryKind::kMul}, {a, b});
  }
  ValueId slice(const std::string& what, ValueId value, std::int64_t begin, std::int64_t end) {
    return add(what,
               graph::Slice{static_cast<std::int64_t>(b_.shape(value).size()) - 1, begin, end},
               {value});
  }
  ValueId number(const std::string& what, float value) {
    return b_.constant(name_ + "." + what, make_tensor({1}, std::vector<float>{value}));
  }
  // 0, 1, 2, ... along an axis of [rows, columns, 1].
  ValueId counted(const std::string& what, const Dim& rows, const Dim& columns, std::int64_t axis) {
    const ValueId ones =
        add(what + ".ones", graph::Expand{{rows, columns, 1}}, {number(what + ".one", 1.0F)});
    return add(what, graph::CumSum{axis, true}, {ones});
  }
  ValueId rows_of(const Dim& rows, const Dim& columns) { return counted("rows", rows, columns, 0); }
  ValueId columns_of(const Dim& rows, const Dim& columns) {
    return counted("columns", rows, columns, 1);
  }

  Builder& b_;
  std::int64_t fields_;
  int anchors_;
  std::string name_;
};

ValueId in_float(Builder& b, ValueId value) {
  if (b.value(value).dtype == DType::kF32) return value;
  return b.add(b.value(value).name + ".float32", graph::Cast{DType::kF32}, {value});
}

ValueId boxes_of_maps(Builder& b, const Graph& network, const Interface& interface,
                      const std::vector<float>& anchors) {
  const DetectorInfo& info = interface.info;
  const std::size_t count = interface.outputs.size();
  const int of_place = static_cast<int>(anchors.size() / count / 2);
  MapDecoder decoder(b, info.classes, of_place);
  std::vector<ValueId> boxes;
  for (std::size_t i = 0; i < count; ++i) {
    const graph::Value& map = network.value(network.outputs.at(interface.outputs[i]));
    graph::Shape shape = map.shape;
    shape[0] = Dim::symbol("images");
    shape[2] = Dim::symbol(fmt::format("rows_{}", i));
    shape[3] = Dim::symbol(fmt::format("columns_{}", i));
    const std::string name = fmt::format("map_{}", i);
    const ValueId input = in_float(b, b.input(name, map.dtype, shape));
    const auto stride = static_cast<float>(info.stride >> (count - 1 - i));
    boxes.push_back(decoder.decode(
        name, input, stride,
        anchors.data() + std::ptrdiff_t{2} * of_place * static_cast<std::ptrdiff_t>(i)));
  }
  return b.add("boxes", graph::Concat{1}, boxes);
}

struct Override {
  const DetectorInfo& info;
  const Rules& rules;

  void operator()(graph::EfficientNms& op) const {
    if (rules.conf_thres != info.conf_thres) {
      op.score_threshold = static_cast<float>(rules.conf_thres);
    }
    if (rules.iou_thres != info.iou_thres) op.iou_threshold = static_cast<float>(rules.iou_thres);
    op.class_agnostic = op.class_agnostic || rules.agnostic;
  }
  void operator()(graph::NonMaxSuppression& op) const {
    if (rules.conf_thres != info.conf_thres) {
      op.has_score_threshold = true;
      op.score_threshold = static_cast<float>(rules.conf_thres);
    }
    if (rules.iou_thres != info.iou_thres) op.iou_threshold = static_cast<float>(rules.iou_thres);
  }
  template <typename Other>
  void operator()(Other& /*op*/) const {}
};

}  // namespace

Rules rules_for(const DetectorInfo& info, const DetectOptions& options) {
  check_threshold("conf_thres", options.conf_thres);
  check_threshold("iou_thres", options.iou_thres);
  constexpr auto kMost = static_cast<int>(graph::DetectionNms::kCandidates);
  LASSO_CHECK(!options.topk || (*options.topk >= 1 && *options.topk <= kMost),
              ErrorCode::kInvalidArgument, "topk is {}: 1 to {} is expected", *options.topk, kMost);
  Rules rules;
  const bool is_own = has_own_suppression(info);
  if (is_own) {
    rules.conf_thres = info.conf_thres;
    rules.iou_thres = info.iou_thres;
    rules.topk = std::min(info.topk, kMost);
  }
  rules.conf_thres = options.conf_thres.value_or(rules.conf_thres);
  rules.iou_thres = options.iou_thres.value_or(rules.iou_thres);
  if (options.topk) rules.topk = is_own ? std::min(*options.topk, rules.topk) : *options.topk;
  rules.classes = checked_classes(info, options.classes);
  rules.agnostic = options.agnostic;
  rules.multi_label = options.multi_label;
  const bool is_fixed = info.form == DetectorForm::kNonMaxSuppression;
  LASSO_CHECK(
      !is_fixed || !(options.agnostic || options.multi_label), ErrorCode::kInvalidArgument,
      "{}: the model brings a suppression of its own, a NonMaxSuppression node, in front of "
      "which it says which classes boxes have and whether they go for each other",
      options.agnostic ? "agnostic" : "multi_label");
  return rules;
}

Graph detections_program(const Graph& network, const Interface& interface,
                         const std::vector<float>& anchors, const Rules& rules) {
  const std::int64_t classes = interface.info.classes;
  Builder b("detections");
  ValueId boxes = graph::kNoValue;
  if (interface.info.form == DetectorForm::kMaps) {
    boxes = boxes_of_maps(b, network, interface, anchors);
  } else {
    const graph::Value& output = network.value(network.outputs.at(interface.outputs.front()));
    boxes =
        in_float(b, b.input("boxes", output.dtype,
                            {Dim::symbol("images"), Dim::symbol("boxes"), kBoxFields + classes}));
  }
  std::vector<ValueId> inputs{boxes};
  if (!rules.classes.empty()) {
    std::vector<std::int32_t> wanted(static_cast<std::size_t>(classes), 0);
    for (const int label : rules.classes) wanted.at(static_cast<std::size_t>(label)) = 1;
    inputs.push_back(b.constant("wanted", make_tensor({classes}, wanted)));
  }
  const graph::DetectionNms op{.score_threshold = static_cast<float>(rules.conf_thres),
                               .iou_threshold = not_above(rules.iou_thres),
                               .max_outputs = rules.topk,
                               .class_agnostic = rules.agnostic,
                               .multi_label = rules.multi_label};
  const std::vector<std::string> names{"num_detections", "boxes", "scores", "classes", "bad"};
  const std::vector<ValueId> results = b.add_results(names, op, inputs);
  for (std::size_t i = 0; i < results.size(); ++i) b.output(results[i], names[i]);
  return b.finish();
}

std::shared_ptr<const engine::CompiledModule> with_rules(
    const std::shared_ptr<const engine::CompiledModule>& module, const DetectorInfo& info,
    const Rules& rules) {
  const bool is_same =
      rules.conf_thres == info.conf_thres && rules.iou_thres == info.iou_thres && !rules.agnostic;
  if (is_same) return module;
  auto changed = std::make_shared<engine::CompiledModule>(*module);
  for (engine::CompiledProgram& program : changed->programs) {
    for (graph::Node& node : program.graph.nodes) std::visit(Override{info, rules}, node.op);
  }
  return changed;
}

}  // namespace lasso::detector
