#include "cli/detect/detect_models.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "cli/console.h"
#include "cli/model/detector_model.h"
#include "cli/segment/segment_many.h"
#include "cli/values.h"
#include "common/class_names.h"
#include "core/file.h"
#include "lasso/machine.h"

namespace lasso::app {

namespace {

constexpr int kMostBoxes = 30000;   // of DetectOptions::topk
constexpr int kMostSize = 1 << 14;  // of an image that the network takes
constexpr int kCocoClasses = 80;
constexpr int kMostClasses = 1 << 20;  // more than any model's

std::optional<double> parse_part(const std::string& option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const double value = parse_not_negative(option, text);
  if (value > 1) usage_error("{} {}: expected a number from 0 to 1", option, text);
  return value;
}

std::vector<float> parse_anchors(const std::string& text) {
  std::vector<float> anchors;
  for (const std::int64_t side : parse_integers("--anchors", text, 1, kMostSize)) {
    anchors.push_back(static_cast<float>(side));
  }
  if (anchors.size() % 2 != 0) {
    usage_error("--anchors {}: has {} numbers; expected a width and a height of each anchor", text,
                anchors.size());
  }
  return anchors;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// A class by its number or its name.
int parse_class(const std::string& text, const std::string& path, int count,
                const std::vector<std::string>& names) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0) {
    const int most = (count > 0 ? count : kMostClasses) - 1;
    if (number > most) {
      usage_error("--classes {}: the classes of {} are 0 to {}", text, path, most);
    }
    return number;
  }
  const auto name = std::find(names.begin(), names.end(), text);
  if (name == names.end()) {
    usage_error("--classes: {} has no class \"{}\"; expected numbers or names{}", path, text,
                names.empty() ? ", of which it has none (--names gives them)"
                              : fmt::format(" such as {}", names.front()));
  }
  return static_cast<int>(name - names.begin());
}

}  // namespace

void add_detect_options(CLI::App* app, DetectModelArguments* arguments) {
  DetectModelArguments& a = *arguments;
  const std::string model = "Model";
  const std::string found = "What is found";
  add_text(
      app, "-m,--model", &a.model.model, "FILE",
      "Detector: a checkpoint of YOLOv7 (.pt), an ONNX model, or an engine file (.lasso). Default: "
      "the demo detector that comes with Lasso, or what LASSO_MODEL names.",
      model);
  add_text(app, "--segment-with", &a.segment_with, "FILE",
           "SAM checkpoint or engine file that draws the mask of every box.", model);
  add_integer(
      app, "--size", &a.size, 1, kMostSize,
      "Side of the square that images are made to fit into, in pixels, of a model that takes "
      "any size. Default: 640.",
      model);
  add_text(app, "--names", &a.names, "F",
           "Names of the classes, one on each line. Default: the model's own, or COCO's where it "
           "has 80 classes.",
           model);
  add_text(app, "--anchors", &a.anchors, "W,H,...",
           "Of a model that gives maps which are not decoded: its anchors in pixels, those of the "
           "finest map first. Default: YOLOv7's.",
           model);
  add_verify_option(app, &a.model);

  add_text(app, "--conf-thres", &a.conf_thres, "X",
           "Boxes with a higher score are kept. Default: the model's own, or 0.25.", found);
  add_text(app, "--iou-thres", &a.iou_thres, "X",
           "Of two boxes of a class that overlap more, in IoU, the one with the higher score is "
           "kept. Default: the model's own, or 0.45.",
           found);
  add_integer(app, "--topk", &a.topk, 1, kMostBoxes,
              "At most this many boxes of an image, the best. Default: the model's own, or 300.",
              found);
  add_text(app, "--classes", &a.classes, "LIST",
           "Comma list of the classes that are wanted, by number or name. Default: all.", found);
  add_switch(app, "--agnostic", &a.agnostic,
             "Boxes that overlap are suppressed whatever their classes are.", found);
  add_switch(app, "--multi-label", &a.multi_label,
             "A box counts for each class whose score is high enough, in place of the best.",
             found);
}

void check_detect_options(const DetectModelArguments& arguments) {
  parse_part("--conf-thres", arguments.conf_thres);
  parse_part("--iou-thres", arguments.iou_thres);
  if (!arguments.anchors.empty()) parse_anchors(arguments.anchors);
}

DetectModels open_detect_models(const DetectModelArguments& arguments, const RunOptions& run) {
  ModelOptions detector = arguments.model;
  detector.model = find_detector(detector.model);
  DetectModels models{open_model(detector, run), std::nullopt};
  if (arguments.segment_with.empty()) return models;
  ModelOptions sam;
  sam.model = arguments.segment_with;
  sam.verify = arguments.model.verify;
  models.segmenter = open_parts({}, sam, run);
  if (!models.segmenter->model.engine.info().sam->has_encoder) {
    throw Failure(Exit::kBadModel, fmt::format("{}: has no image encoder, which --segment-with "
                                               "needs",
                                               models.segmenter->model.path));
  }
  return models;
}

std::vector<DetectWorker> make_workers(const DetectModels& models,
                                       const DetectModelArguments& arguments, int jobs,
                                       int threads) {
  DetectorOptions options;
  if (arguments.size > 0) options.size = arguments.size;
  if (!arguments.anchors.empty()) options.anchors = parse_anchors(arguments.anchors);
  options.threads = threads_of_each(jobs, threads);
  std::vector<Segmenter> segmenters;
  if (models.segmenter) segmenters = make_segmenters(*models.segmenter, jobs, threads);
  std::vector<DetectWorker> workers;
  for (int i = 0; i < jobs; ++i) {
    workers.push_back({make_detector(models.detector, options), std::nullopt});
    if (models.segmenter) {
      workers.back().segmenter = std::move(segmenters[static_cast<std::size_t>(i)]);
    }
  }
  return workers;
}

std::vector<std::string> class_names(const DetectModelArguments& arguments, const std::string& path,
                                     const DetectorInfo& info) {
  if (!arguments.names.empty()) {
    std::vector<std::string> names = for_option(
        "--names", [&] { return parse_class_names(read_file(arguments.names), arguments.names); });
    if (info.classes > 0 && names.size() != static_cast<std::size_t>(info.classes)) {
      usage_error("--names {}: has {} names, and {} has {} classes", arguments.names, names.size(),
                  path, info.classes);
    }
    return names;
  }
  return default_class_names(info.names, info.classes);
}

std::vector<Category> categories_of(const Classes& classes, const DetectorInfo& info) {
  if (classes.coco91 && info.classes != kCocoClasses && info.classes != 0) {
    usage_error("--coco91: is for models of COCO's 80 classes, and this one has {}", info.classes);
  }
  const int known = std::max(info.classes, static_cast<int>(classes.names.size()));
  std::vector<Category> categories;
  for (int i = 0; i < known; ++i) {
    categories.push_back({classes.category(i), class_text(classes.names, i)});
  }
  return categories;
}

DetectOptions detect_options(const DetectModelArguments& arguments, const std::string& path,
                             const DetectorInfo& info, const std::vector<std::string>& names) {
  DetectOptions options;
  options.conf_thres = parse_part("--conf-thres", arguments.conf_thres);
  options.iou_thres = parse_part("--iou-thres", arguments.iou_thres);
  if (arguments.topk > 0) options.topk = arguments.topk;
  if (!arguments.classes.empty()) {
    for (const std::string& text : split_names(arguments.classes)) {
      options.classes.push_back(parse_class(text, path, info.classes, names));
    }
  }
  options.agnostic = arguments.agnostic;
  options.multi_label = arguments.multi_label;
  return options;
}

void prepare(const DetectOptions& options, const std::string& path,
             std::vector<DetectWorker>* workers) {
  const std::vector<ImageView> none;
  for (DetectWorker& worker : *workers) {
    try {
      worker.detector.detect(none, options);
    } catch (const lasso::Error& error) {
      if (error.code() != ErrorCode::kInvalidArgument) throw;
      usage_error("{}: {}", path, error.what());
    }
  }
}

LoadTimes load_times(const DetectModels& models) {
  LoadTimes times{models.detector.load_ms, std::nullopt};
  if (models.segmenter) times.segmenter_ms = models.segmenter->model.load_ms;
  return times;
}

void tell_models(const DetectModels& models, const std::vector<DetectWorker>& workers) {
  const auto tell = [&](const OpenModel& model) {
    const EngineInfo& info = model.engine.info();
    const int threads = workers.front().detector.threads();
    const std::string jobs = workers.size() == 1 ? "" : fmt::format("{} x ", workers.size());
    print_note(fmt::format("{}: {}, {}{} threads, {}, loaded in {:.0f} ms", model.path, info.model,
                           jobs, threads, info.isa, model.load_ms));
  };
  tell(models.detector);
  if (models.segmenter) tell(models.segmenter->model);
}

}  // namespace lasso::app
