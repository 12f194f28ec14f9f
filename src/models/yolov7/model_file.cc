#include "models/yolov7/model_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/json_fields.h"
#include "core/utf8.h"

namespace lasso::yolov7 {

// Texts in any script, of which there may be more than lists of other things have.
struct ClassNames {
  std::vector<std::string> list;
};

Json write_value(const ClassNames& names) { return names.list; }

void read_value(const Json& json, ClassNames& names, const std::string& where) {
  constexpr std::size_t kMost = std::size_t{1} << 16U;
  names.list.clear();
  for (const Json& element : read_array(json, kMost, where)) {
    const bool fits = element.is_string() && !element.get_ref<const std::string&>().empty() &&
                      element.get_ref<const std::string&>().size() <= kMaxTextBytes &&
                      is_utf8(element.get_ref<const std::string&>());
    if (!fits) refuse(where, "texts in UTF-8");
    names.list.push_back(element.get<std::string>());
  }
  if (names.list.empty()) refuse(where, "a class");
}

namespace {

constexpr float kMostSide = 1 << 16;
constexpr int kMostStride = 1024;
constexpr std::size_t kMostLevels = 8;

struct LevelRecord {
  int stride = 0;
  std::vector<float> anchors;  // width, height, width, ...

  static void fields(auto& level, auto& v) {
    v("stride", level.stride);
    v("anchors", level.anchors);
  }
};

Json write_value(const LevelRecord& level) { return write_fields(level); }
void read_value(const Json& json, LevelRecord& level, const std::string& where) {
  level = read_fields<LevelRecord>(json, where);
}

// The family's part of an engine's file.
struct Description {
  std::string architecture;
  int channels = 0;
  ClassNames names;
  std::vector<LevelRecord> levels;
  std::int64_t parameters = 0;

  static void fields(auto& description, auto& v) {
    v("architecture", description.architecture);
    v("channels", description.channels);
    v("names", description.names);
    v("levels", description.levels);
    v("parameters", description.parameters);
  }
};

std::vector<DetectionLevel> levels_of(const Description& description, const std::string& where) {
  std::vector<DetectionLevel> levels;
  for (const LevelRecord& record : description.levels) {
    if (record.stride < 1 || record.stride > kMostStride) {
      refuse(where + ".levels", fmt::format("strides from 1 to {}", kMostStride));
    }
    if (record.anchors.empty() || record.anchors.size() % 2 != 0) {
      refuse(where + ".levels", "two sides of each anchor");
    }
    DetectionLevel& level = levels.emplace_back();
    level.stride = record.stride;
    for (std::size_t i = 0; i < record.anchors.size(); i += 2) {
      level.anchors.push_back({record.anchors[i], record.anchors[i + 1]});
      const auto [width, height] = level.anchors.back();
      if (!(width > 0 && width <= kMostSide && height > 0 && height <= kMostSide)) {
        refuse(where + ".levels", fmt::format("sides up to {}", kMostSide));
      }
    }
  }
  if (levels.empty() || levels.size() > kMostLevels) {
    refuse(where + ".levels", fmt::format("1 to {} levels", kMostLevels));
  }
  const int largest = largest_stride(levels);
  for (const DetectionLevel& level : levels) {
    if (largest % level.stride != 0) {
      refuse(where + ".levels", fmt::format("strides that divide {}", largest));
    }
  }
  return levels;
}

// A side of the images as a number of cells of the largest stride: a number, or the symbol.
graph::Dim cells_of(const graph::Dim& side, std::int64_t stride, const char* symbol) {
  graph::Dim open = graph::Dim::symbol(symbol);
  if (side == open * graph::Dim(stride)) return open;
  return side.divided_by(stride).value_or(graph::Dim(0));
}

// Throws unless it is the program of a model with these levels; fills in what it leaves open.
void check_program(const graph::Graph& program, DetectorModel& model, const std::string& source) {
  const auto expect = [&](bool right, const char* what) {
    LASSO_CHECK(right, ErrorCode::kCorruptFile, "{}: program \"{}\": {}", source, program.name,
                what);
  };
  expect(program.name == kDetector && program.inputs.size() == 1 && program.outputs.size() == 1,
         "one program \"detector\" with one input and one output is expected");
  const graph::Value& images = program.value(program.inputs[0]);
  const graph::Value& output = program.value(program.outputs[0]);
  expect(images.name == kImages && images.dtype == DType::kF32 && images.shape.size() == 4 &&
             images.shape[1] == graph::Dim(model.channels),
         "an input \"images\" [batch, channels, height, width] is expected");
  const int stride = model.largest_stride();
  const graph::Dim& batch = images.shape[0];
  const graph::Dim rows = cells_of(images.shape[2], stride, kRows);
  const graph::Dim columns = cells_of(images.shape[3], stride, kColumns);
  const auto size_of = [&](const graph::Dim& size, const char* symbol) {
    constexpr std::int64_t kMost = 1 << 24;
    if (size == graph::Dim::symbol(symbol)) return 0;
    const bool fits =
        size.is_constant() && size.constant() >= 1 && size.constant() * stride <= kMost;
    expect(fits, "sides of images are multiples of the largest stride, and batches numbers");
    return static_cast<int>(size.constant());
  };
  model.batch = size_of(batch, "batch");
  model.height = size_of(rows, kRows) * stride;
  model.width = size_of(columns, kColumns) * stride;
  graph::Dim boxes = 0;
  for (const DetectionLevel& level : model.levels) {
    const std::int64_t cells = stride / level.stride;
    const auto anchors = static_cast<std::int64_t>(level.anchors.size());
    boxes = boxes + rows * columns * graph::Dim(cells * cells * anchors);
  }
  const graph::Shape expected{batch, boxes, kBoxFields + model.classes()};
  expect(output.name == kOutput && output.dtype == DType::kF32 && output.shape == expected &&
             !output.count,
         "an output \"output\" [batch, boxes, 5 + classes] is expected");
  const std::size_t open =
      (model.batch == 0 ? 1U : 0U) + (model.height == 0 ? 1U : 0U) + (model.width == 0 ? 1U : 0U);
  expect(graph::symbols(program).size() == open, "batch, rows and columns alone may be open");
}

}  // namespace

engine::ModelRecord record_of(const Network& network, const std::string& hash) {
  Description description;
  description.architecture = network.architecture;
  description.channels = network.channels;
  description.names.list = network.names;
  for (const DetectionLevel& level : network.levels) {
    LevelRecord& record = description.levels.emplace_back();
    record.stride = level.stride;
    for (const Anchor& anchor : level.anchors) {
      record.anchors.push_back(anchor.width);
      record.anchors.push_back(anchor.height);
    }
  }
  description.parameters = static_cast<std::int64_t>(network.parameters);
  engine::ModelRecord record;
  record.family = kFamily;
  record.hash = hash;
  record.description = write_fields(description).dump();
  return record;
}

DetectorModel read_model(const engine::LoadedEngine& engine, const std::string& source) {
  const std::string where = source + ": model description";
  const auto description =
      read_fields<Description>(parse_json(engine.model.description, where), where);
  if (description.channels < 1 || description.channels > 64) {
    refuse(where + ".channels", "1 to 64 channels");
  }
  DetectorModel model;
  model.architecture = description.architecture;
  model.channels = description.channels;
  model.names = description.names.list;
  model.levels = levels_of(description, where);
  model.hash = engine.model.hash;
  model.precision = engine.model.precision;
  model.parameters = static_cast<std::uint64_t>(std::max<std::int64_t>(description.parameters, 0));
  model.module = engine.module;
  LASSO_CHECK(engine.module->programs.size() == 1, ErrorCode::kCorruptFile,
              "{}: {} programs: a detector is one", source, engine.module->programs.size());
  check_program(engine.module->programs.front().graph, model, source);
  return model;
}

}  // namespace lasso::yolov7
