#include "models/detector/recognise.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "graph/multiple.h"
#include "models/onnx/family.h"
#include "models/yolov7/model.h"

namespace lasso::detector {

using graph::Bindings;
using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

constexpr std::int64_t kBoxFields = 5;  // in front of the scores of classes
constexpr std::int64_t kRowFields = 7;  // image, corners, class, score
// A multiple of all strides, for open sizes.
constexpr std::int64_t kSomeSide = 1280;

// Why a program is no detector.
struct Refusal {
  std::string reason;
};

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal{fmt::format(format, std::forward<Args>(args)...)};
}

// A number that images or classes may have; 0 for one that is open.
int constant_or_zero(const Dim& dim) {
  if (!dim.is_constant()) return 0;
  if (dim.constant() < 1 || dim.constant() > graph::kMaxSymbol) {
    refuse("a size is {}, and 1 to {} is expected", dim.constant(), graph::kMaxSymbol);
  }
  return static_cast<int>(dim.constant());
}

std::string to_text(const Value& value) {
  return fmt::format("\"{}\" {} {}", printable(value.name, 60), to_string(value.dtype),
                     graph::to_string(value.shape));
}

class Recogniser {
 public:
  explicit Recogniser(const Graph& program) : program_(program) {}

  Interface run() {
    read_input();
    const auto* efficient = only_node<graph::EfficientNms>();
    const auto* suppression = only_node<graph::NonMaxSuppression>();
    if (efficient != nullptr) {
      read_efficient_nms(*efficient);
    } else if (suppression != nullptr) {
      read_rows(*suppression);
    } else if (!read_boxes() && !read_maps()) {
      refuse(
          "it gives {}: boxes [batch, boxes, 5 + classes] of a model with anchors, three or more "
          "maps [batch, anchors, rows, columns, 5 + classes] or [batch, anchors * (5 + classes), "
          "rows, columns], or what an EfficientNMS_TRT or NonMaxSuppression node leaves is "
          "expected{}",
          outputs_text(), hint_);
    }
    return std::move(result_);
  }

 private:
  const Value& output(std::size_t i) const { return program_.value(program_.outputs[i]); }

  std::string outputs_text() const {
    constexpr std::size_t kMost = 6;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < std::min(program_.outputs.size(), kMost); ++i) {
      texts.push_back(to_text(output(i)));
    }
    if (program_.outputs.size() > kMost) texts.emplace_back("more");
    return fmt::format("{}", fmt::join(texts, " and "));
  }

  void read_input() {
    if (program_.inputs.empty()) refuse("it takes nothing: a batch of images is expected");
    const Value& images = program_.value(program_.inputs.front());
    const bool is_one = program_.inputs.size() == 1;
    const bool fits =
        is_one && is_float(images.dtype) && images.shape.size() == 4 && images.shape[1] == Dim(3);
    if (!fits) {
      refuse("it takes {}{}: a batch of images, float [batch, 3, height, width], is expected",
             to_text(images), is_one ? "" : " and more");
    }
    DetectorInfo& info = result_.info;
    info.batch = constant_or_zero(images.shape[0]);
    info.height = constant_or_zero(images.shape[2]);
    info.width = constant_or_zero(images.shape[3]);
    height_ = info.height > 0 ? info.height : kSomeSide;
    width_ = info.width > 0 ? info.width : kSomeSide;
    const bool is_bound = bind_size(images.shape[0], std::max(info.batch, 1), bindings_) &&
                          bind_size(images.shape[2], height_, bindings_) &&
                          bind_size(images.shape[3], width_, bindings_);
    if (!is_bound) {
      refuse("it takes {}, whose sizes are no numbers, symbols or multiples of symbols",
             to_text(images));
    }
  }

  // At some size of the images; nothing where a run computes it.
  std::optional<std::int64_t> number(const Dim& dim) const {
    for (const std::string& symbol : program_.computed.symbols) {
      if (dim.has_symbol(symbol)) return std::nullopt;
    }
    return dim.evaluate(bindings_);
  }

  template <typename Op>
  const Node* only_node() const {
    const Node* found = nullptr;
    for (const Node& node : program_.nodes) {
      if (!std::holds_alternative<Op>(node.op)) continue;
      if (found != nullptr) refuse("it has several {} nodes", Op::kName);
      found = &node;
    }
    return found;
  }

  // The value whose elements this one has, be they of another shape or type.
  ValueId origin(ValueId id) const {
    for (auto node = program_.nodes.rbegin(); node != program_.nodes.rend(); ++node) {
      const bool keeps = std::holds_alternative<graph::Reshape>(node->op) ||
                         std::holds_alternative<graph::Cast>(node->op);
      if (keeps && node->outputs.front() == id) id = node->inputs.front();
    }
    return id;
  }

  void read_efficient_nms(const Node& node) {
    for (const ValueId made : node.outputs) {
      for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
        if (origin(program_.outputs[i]) == made) {
          result_.outputs.push_back(i);
          break;
        }
      }
    }
    const bool is_typed = result_.outputs.size() == node.outputs.size() &&
                          output(result_.outputs[0]).dtype == DType::kI32 && is_real_output(1) &&
                          is_real_output(2) && output(result_.outputs[3]).dtype == DType::kI32;
    if (!is_typed) {
      refuse("it gives {}: the four results of its EfficientNMS_TRT node are expected",
             outputs_text());
    }
    const auto& op = std::get<graph::EfficientNms>(node.op);
    result_.info.form = DetectorForm::kEfficientNms;
    result_.info.classes = constant_or_zero(program_.value(node.inputs.at(1)).shape.at(2));
    result_.info.conf_thres = op.score_threshold;
    result_.info.iou_thres = op.iou_threshold;
    result_.info.topk = static_cast<int>(op.max_outputs);
  }

  bool is_real_output(std::size_t i) const {
    return output(result_.outputs[i]).dtype == DType::kF32;
  }

  void read_rows(const Node& node) {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const Value& value = output(i);
      const bool is_rows = value.dtype == DType::kF32 && value.shape.size() == 2 &&
                           value.shape[1] == Dim(kRowFields) && value.count &&
                           program_.value(*value.count).shape.empty();
      if (!is_rows) continue;
      const auto count = std::find(program_.outputs.begin(), program_.outputs.end(), *value.count);
      if (count == program_.outputs.end()) continue;
      result_.outputs = {i, static_cast<std::size_t>(count - program_.outputs.begin())};
    }
    const auto rows =
        result_.outputs.empty() ? std::nullopt : number(output(result_.outputs[0]).shape[0]);
    if (!rows || program_.outputs.size() != 2) {
      refuse(
          "it gives {}: rows of what its NonMaxSuppression node leaves, [rows, 7], are expected, "
          "of image, corners, class and score",
          outputs_text());
    }
    const auto& op = std::get<graph::NonMaxSuppression>(node.op);
    result_.info.form = DetectorForm::kNonMaxSuppression;
    result_.info.conf_thres = op.has_score_threshold ? op.score_threshold : 0;
    result_.info.iou_thres = op.iou_threshold;
    result_.info.topk = static_cast<int>(
        std::clamp<std::int64_t>(*rows / std::max(result_.info.batch, 1), 1, graph::kMaxSymbol));
  }

  // The maps that so many boxes come from, and how many there are of each place.
  struct Grid {
    int stride = 0;
    std::int64_t boxes = 0;
  };
  std::optional<Grid> grid_of(std::int64_t boxes) const {
    static const std::vector<std::vector<int>> known_strides{
        {8, 16, 32}, {8, 16, 32, 64}, {16, 32}, {4, 8, 16, 32}, {8, 16, 32, 64, 128}};
    for (const std::vector<int>& strides : known_strides) {
      std::int64_t places = 0;
      bool divides = true;
      for (const int stride : strides) {
        divides = divides && height_ % stride == 0 && width_ % stride == 0;
        places += (height_ / stride) * (width_ / stride);
      }
      if (divides && boxes % places == 0) return Grid{strides.back(), boxes / places};
    }
    return std::nullopt;
  }

  bool read_boxes() {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const graph::Shape& shape = output(i).shape;
      if (!is_float(output(i).dtype) || shape.size() != 3 || !shape[2].is_constant()) continue;
      const auto boxes = number(shape[1]);
      const std::int64_t classes = shape[2].constant() - kBoxFields;
      if (!boxes || classes < 1) continue;
      const auto grid = grid_of(*boxes);
      if (!grid || grid->boxes < 2) {
        hint_ = fmt::format("; {} has {} for images of {}x{} pixels: {}", to_text(output(i)),
                            *boxes, width_, height_,
                            grid ? "one box a place is what models without anchors have, such as "
                                   "YOLOv8 and YOLOX, whose boxes mean something else"
                                 : "no number of boxes a place has so many");
        continue;
      }
      if (!others_are_maps(i)) continue;
      result_.outputs = {i};
      result_.info.form = DetectorForm::kBoxes;
      result_.info.classes = constant_or_zero(classes);
      result_.info.stride = grid->stride;
      return true;
    }
    return false;
  }

  // What an export gives beside its boxes is what they are made of.
  bool others_are_maps(std::size_t boxes) const {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const graph::Shape& shape = output(i).shape;
      if (i != boxes && (shape.size() != 5 || shape[4] != output(boxes).shape[2])) return false;
    }
    return true;
  }

  struct Map {
    std::size_t place = 0;
    std::int64_t stride = 0;
    std::int64_t anchors = 0;  // 0: one dimension with the fields
    std::int64_t fields = 0;   // of all anchors, in that case
  };

  std::optional<Map> map_of(std::size_t i) const {
    const Value& value = output(i);
    const std::size_t rank = value.shape.size();
    if (!is_float(value.dtype) || (rank != 4 && rank != 5)) return std::nullopt;
    Map map;
    map.place = i;
    const Dim& fields = rank == 5 ? value.shape[4] : value.shape[1];
    if (!fields.is_constant() || !value.shape[1].is_constant()) return std::nullopt;
    map.fields = fields.constant();
    map.anchors = rank == 5 ? value.shape[1].constant() : 0;
    const auto rows = number(value.shape[2]);
    const auto columns = number(value.shape[3]);
    if (!rows || !columns || *rows < 1 || *columns < 1) return std::nullopt;
    map.stride = height_ / *rows;
    if (map.stride * *rows != height_ || map.stride * *columns != width_) return std::nullopt;
    return map;
  }

  bool read_maps() {
    constexpr std::size_t kMostMaps = 5;
    const std::size_t count = program_.outputs.size();
    if (count < 3 || count > kMostMaps) return false;
    std::vector<Map> maps;
    for (std::size_t i = 0; i < count; ++i) {
      const auto map = map_of(i);
      if (!map) return false;
      maps.push_back(*map);
    }
    std::sort(maps.begin(), maps.end(),
              [](const Map& a, const Map& b) { return a.stride < b.stride; });
    for (std::size_t i = 0; i < count; ++i) {
      const bool fits = maps[i].anchors == maps[0].anchors && maps[i].fields == maps[0].fields &&
                        maps[i].stride == maps[0].stride << i;
      if (!fits) return false;
      result_.outputs.push_back(maps[i].place);
    }
    DetectorInfo& info = result_.info;
    info.form = DetectorForm::kMaps;
    info.stride = static_cast<int>(maps.back().stride);
    result_.anchors = static_cast<int>(maps[0].anchors);
    constexpr std::int64_t kUsual = 3;  // anchors of a place
    const std::int64_t anchors = maps[0].anchors == 0 ? kUsual : maps[0].anchors;
    const std::int64_t fields = maps[0].anchors == 0 ? maps[0].fields / kUsual : maps[0].fields;
    const bool is_even = maps[0].anchors != 0 || maps[0].fields % kUsual == 0;
    if (is_even && fields > kBoxFields) info.classes = constant_or_zero(fields - kBoxFields);
    if (anchors == kUsual && info.classes > 0) add_anchors(count);
    return maps[0].anchors == 0 || fields > kBoxFields;
  }

  // The family's own.
  void add_anchors(std::size_t maps) {
    constexpr std::size_t kLarge = 4;
    if (maps > kLarge) return;
    const auto& levels = yolov7::published_levels(maps == kLarge ? "yolov7-w6" : "yolov7");
    for (const yolov7::DetectionLevel& level : levels) {
      for (const yolov7::Anchor& anchor : level.anchors) {
        result_.info.anchors.insert(result_.info.anchors.end(), {anchor.width, anchor.height});
      }
    }
  }

  const Graph& program_;
  Interface result_;
  std::int64_t height_ = 0;  // at which sizes are looked at
  std::int64_t width_ = 0;
  Bindings bindings_;
  std::string hint_;
};

// What the family knows.
Interface interface_of(const yolov7::DetectorModel& model) {
  Interface result;
  result.outputs = {0};
  result.info.form = DetectorForm::kBoxes;
  result.info.width = model.width;
  result.info.height = model.height;
  result.info.batch = model.batch;
  result.info.stride = model.largest_stride();
  result.info.classes = model.classes();
  result.info.names = model.names;
  return result;
}

}  // namespace

bool has_own_suppression(const DetectorInfo& info) {
  return info.form == DetectorForm::kEfficientNms || info.form == DetectorForm::kNonMaxSuppression;
}

bool bind_size(const Dim& dim, std::int64_t size, Bindings& bindings) {
  if (dim.is_constant()) return dim.constant() == size;
  const auto multiple = graph::as_multiple(dim);
  if (!multiple || size < multiple->factor || size % multiple->factor != 0) return false;
  const std::int64_t value = size / multiple->factor;
  return bindings.try_emplace(multiple->symbol, value).first->second == value;
}

Recognised recognise(const Graph& program) {
  try {
    return {Recogniser(program).run(), {}};
  } catch (const Refusal& refusal) {
    return {std::nullopt, refusal.reason};
  } catch (const Error& error) {  // numbers that are too large
    return {std::nullopt, error.what()};
  }
}

Recognised recognise(const Model& model) {
  if (model.family->name() == yolov7::kFamily) {
    const auto& own = *std::static_pointer_cast<const yolov7::DetectorModel>(model.state);
    if (own.channels == 3) return {interface_of(own), {}};
    return {std::nullopt,
            fmt::format("it takes images of {} channels, and 3 are expected", own.channels)};
  }
  if (model.family == &onnx::family() && model.module->programs.size() == 1) {
    return recognise(model.module->programs.front().graph);
  }
  return {std::nullopt,
          fmt::format("families \"{}\" and \"onnx\" have detectors", yolov7::kFamily)};
}

}  // namespace lasso::detector
