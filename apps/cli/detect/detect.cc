// lasso detect: boxes, classes and scores of the objects in images, and masks of what was found.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/detect/coco_file.h"
#include "cli/detect/detect_image.h"
#include "cli/detect/detect_models.h"
#include "cli/detect/image_list.h"
#include "cli/detect/report_text.h"
#include "cli/help.h"
#include "cli/in_order.h"
#include "cli/options.h"
#include "cli/range.h"
#include "cli/segment/segment_many.h"
#include "cli/standard_input.h"
#include "cli/values.h"
#include "cli/viewer.h"
#include "common/files.h"
#include "common/pictures.h"
#include "common/text.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

struct DetectArguments {
  DetectModelArguments models;
  RunOptions run;
  OutputOptions output;
  std::vector<std::string> images;
  std::string image_list;
  std::string range;
  std::int64_t max_pixels = 100'000'000;
  std::string folder = ".";
  std::string format = "overlay";
  bool save_conf = false;
  bool coco91 = false;
  bool show = false;
  int jobs = 0;  // 0: one on each device of the engine
  int batch = 1;
};

const std::vector<std::string>& detect_formats() {
  static const std::vector<std::string> formats = {"overlay",  "yolo", "coco",    "mask",
                                                   "labelmap", "rle",  "polygon", "none"};
  return formats;
}

// What --format says; whether COCO results are asked for goes to `coco`.
Formats parse_formats(const DetectArguments& arguments, bool* coco) {
  const std::string& text = arguments.format;
  const std::vector<std::string> names = parse_choices("--format", text, detect_formats());
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (has("none") && names.size() > 1) {
    usage_error("--format {}: \"none\" excludes other formats", text);
  }
  const Formats formats{has("overlay"), has("mask"),    has("labelmap"),
                        has("rle"),     has("polygon"), has("yolo")};
  if (formats.need_masks() && arguments.models.segment_with.empty()) {
    usage_error("--format {}: mask, labelmap, rle and polygon need --segment-with", text);
  }
  *coco = has("coco");
  return formats;
}

DetectSettings make_settings(const DetectArguments& arguments, const PictureReader* pictures) {
  DetectSettings settings;
  bool coco = false;
  settings.formats = parse_formats(arguments, &coco);
  settings.folder = arguments.folder == "." ? fs::path() : fs::path(arguments.folder);
  settings.scores = arguments.save_conf;
  settings.json = arguments.output.json;
  settings.pictures = pictures;
  settings.classes.coco91 = arguments.coco91;
  if (coco) settings.coco = "coco_results";
  if (arguments.save_conf && !settings.formats.yolo) {
    usage_error("--save-conf: is for --format yolo, and --format {} is given", arguments.format);
  }
  const bool has_categories = coco || settings.formats.rle || settings.formats.polygon;
  if (arguments.coco91 && !has_categories) {
    usage_error("--coco91: is for --format coco, rle and polygon, and --format {} is given",
                arguments.format);
  }
  if (arguments.show) {
    if (!settings.formats.overlay) {
      usage_error("--show: shows the overlay, which --format {} does not write", arguments.format);
    }
    check_viewer();
  }
  for_option("-o", [&] { check_output_folder(arguments.folder); });
  return settings;
}

// Looks for the range of all images, which needs the whole list.
void find_range_of_all(const DetectArguments& arguments, PictureReader* pictures) {
  if (!parse_range(arguments.range).automatic) return;
  if (is_standard_input(arguments.image_list)) {
    usage_error("--range auto: reads the list of images twice; name a file for --image-list");
  }
  ImageList list(arguments.images, arguments.image_list);
  std::vector<std::string> paths;
  while (const auto entry = list.next()) {
    if (entry->error.empty()) paths.push_back(entry->path);
  }
  find_range(paths, pictures);
}

// One run over all images.
class Run {
 public:
  Run(const DetectArguments& arguments, const DetectSettings& settings, ImageList* images,
      std::vector<DetectWorker>* workers, const LoadTimes& times, OutputNames* names)
      : arguments_(arguments),
        settings_(settings),
        images_(images),
        workers_(workers),
        times_(times),
        names_(names) {}

  // `coco` may be null.
  Exit run(CocoFile* coco) {
    const bool show_progress = workers_->size() == 1;
    const auto tell_of = [&](const DetectReport& report) {
      some_failed_ |= !report.error.empty();
      if (coco != nullptr) coco->add(coco_results(report, settings_.classes));
      tell(report);
      show(report);
    };
    using Batch = std::vector<ImageList::Entry>;
    InOrder<Batch, std::monostate> run({
        [&] { return next_batch(); },
        [&](std::size_t worker, std::size_t i, const Batch& batch,
            const std::function<void()>& wait) {
          std::optional<Progress> progress;
          if (show_progress) {
            progress.emplace(fmt::format("{} (image {})", picture_name(batch.front().path),
                                         i * static_cast<std::size_t>(arguments_.batch) + 1));
          }
          detect_images(&(*workers_)[worker], batch, settings_, {names_, wait, tell_of});
          return std::monostate();
        },
        [](std::monostate /*done*/) {},
    });
    run.run(workers_->size());
    if (!some_) usage_error("no image: the list of --image-list is empty");
    return some_failed_ ? Exit::kSomeFailed : Exit::kDone;
  }

 private:
  std::optional<std::vector<ImageList::Entry>> next_batch() {
    if (list_error_) std::rethrow_exception(list_error_);
    std::vector<ImageList::Entry> batch;
    try {
      while (batch.size() < static_cast<std::size_t>(arguments_.batch)) {
        auto entry = images_->next();
        if (!entry) break;
        batch.push_back(std::move(*entry));
      }
    } catch (...) {
      if (batch.empty()) throw;
      list_error_ = std::current_exception();  // behind the images before it
    }
    if (batch.empty()) return std::nullopt;
    some_ = true;
    return batch;
  }

  void tell(const DetectReport& report) {
    constexpr std::size_t kWidest = 48;
    name_width_ =
        std::max(name_width_, std::min(printable(picture_name(report.path)).size(), kWidest));
    if (!report.error.empty()) print_error(report.error);
    if (settings_.json) {
      print(json_line(to_json(report, settings_.classes, times_)));
    } else if (report.error.empty() && !quiet()) {
      print(to_text(report, settings_.classes, name_width_));
    }
  }

  void show(const DetectReport& report) {
    if (!arguments_.show || shown_ || !report.files.contains("overlay")) return;
    shown_ = true;
    show_file(file_name(report.files["overlay"][0].get<std::string>()));
  }

  const DetectArguments& arguments_;
  const DetectSettings& settings_;
  ImageList* images_;
  std::vector<DetectWorker>* workers_;
  LoadTimes times_;
  OutputNames* names_;
  std::exception_ptr list_error_;
  bool some_ = false;
  bool some_failed_ = false;
  bool shown_ = false;
  std::size_t name_width_ = 0;
};

// How many there are; where that is not known, as many as may be worked on at a time.
std::size_t batches_of(const ImageList& images, const DetectArguments& arguments,
                       std::size_t devices) {
  const auto count = images.count();
  if (!count) return std::max(devices, static_cast<std::size_t>(arguments.jobs));
  const auto batch = static_cast<std::size_t>(arguments.batch);
  return (*count + batch - 1) / batch;
}

Exit run_detect(const DetectArguments& arguments) {
  if (arguments.images.empty() && arguments.image_list.empty()) {
    usage_error("no image: expected IMAGE..., or --image-list F");
  }
  check_standard_input(arguments.images, "--image-list", arguments.image_list);
  PictureReader pictures(arguments.max_pixels, parse_range(arguments.range));
  DetectSettings settings = make_settings(arguments, &pictures);
  ImageList images(arguments.images, arguments.image_list);
  check_detect_options(arguments.models);

  apply(arguments.run);
  const DetectModels models = open_detect_models(arguments.models, arguments.run);
  const std::size_t devices = models.detector.engine.info().devices.size();
  const int jobs = choose_jobs(arguments.jobs, devices, batches_of(images, arguments, devices));
  std::vector<DetectWorker> workers =
      make_workers(models, arguments.models, jobs, arguments.run.threads);
  const std::string& path = models.detector.path;
  const DetectorInfo& info = workers.front().detector.info();
  settings.classes.names = class_names(arguments.models, path, info);
  settings.categories = categories_of(settings.classes, info);
  settings.options = detect_options(arguments.models, path, info, settings.classes.names);
  prepare(settings.options, path, &workers);
  tell_models(models, workers);

  for_option("-o", [&] { make_folder(arguments.folder); });
  find_range_of_all(arguments, &pictures);
  OutputNames names;
  const LoadTimes times = load_times(models);
  Run run(arguments, settings, &images, &workers, times, &names);
  if (settings.coco.empty()) return run.run(nullptr);
  settings.coco = names.claim(settings.folder, {{settings.coco, ".json"}}).front();
  Exit exit = Exit::kDone;
  write_coco_file(settings.coco, [&](CocoFile* file) { exit = run.run(file); });
  return exit;
}

constexpr const char* kEpilogue =
    R"(An IMAGE may be a folder, whose pictures are taken in the order of their names, and a pattern in
quotes ("photos/*.jpg"); --image-list names a file with a name on each line. Of a list of any length
only the images in work are in memory.

Models are YOLOv7's: the checkpoints of its trainer, ONNX exports with the boxes as they come, with
EfficientNMS_TRT or NonMaxSuppression nodes, or with maps that are not decoded, and what "lasso
build" makes of them.
Where a model has a suppression of its own, its thresholds hold unless others are given.

Boxes are in pixels of the original image, x to the right and y down. --segment-with has a SAM model
draw the mask of every box; all boxes of an image go to its decoder together.

Files are named after the image: dog_overlay.png, and dog.txt of --format yolo. A name that is taken
gets a number, dog_overlay-2.png; nothing is overwritten. Labels hide no other label: where there is
no place left at its box, one is left out.

Exit status: 0 done, 1 some inputs failed (each is named), 2 wrong usage, 3 bad or missing model,
4 unsupported here, 5 out of memory or device failure, 70 bug in Lasso, 130 interrupted.

Examples:
  lasso detect dog.jpg --model yolov7.pt
  lasso detect photos --model yolov7.onnx -o out --format overlay,yolo --conf-thres 0.4
  lasso detect val2017 --model yolov7.onnx -o out --format coco --coco91 --conf-thres 0.001
  lasso detect "photos/*.jpg" --model yolov7.onnx --classes person,dog --format none --json
  lasso detect dog.jpg --model yolov7.onnx --segment-with sam_vit_b_01ec64.pth --format overlay,rle
  find /data -name '*.jpg' | lasso detect --image-list - --model yolov7.lasso --format none --json
)";

}  // namespace

void add_detect(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("detect", "Boxes and classes of objects in images.");
  const auto arguments = std::make_shared<DetectArguments>();
  DetectArguments& a = *arguments;
  const std::string input = "Images";
  const std::string output = "Results";

  app->add_option("IMAGE", a.images,
                  "JPEG, PNG, PPM or PGM files or pipes, folders, and patterns in quotes; - is "
                  "standard input.")
      ->check(not_empty)
      ->group(input);
  add_text(app, "--image-list", &a.image_list, "F|-",
           "More images: a file, or standard input, with a name on each line.", input);
  add_integer(app, "--max-pixels", &a.max_pixels, 1, std::int64_t{1} << 40,
              "Refuse images that claim more pixels. Default: 100000000.", input);
  add_range_option(app, &a.range, "full, all that the files could hold", input);

  add_detect_options(app, &a.models);

  add_text(app, "-o,--output", &a.folder, "DIR",
           "Folder for results, made if need be. Default: the current folder.", output);
  add_text(app, "--format", &a.format, "LIST",
           "Comma list of overlay (picture with boxes, names and scores), yolo (text file with "
           "class, centre and sides of each box as parts of the image's), coco (coco_results.json, "
           "the results of all images as COCO's tools take them), or none; and with --segment-with "
           "mask (PNG per box), labelmap (PNG with the number of the box, from 1), rle and polygon "
           "(COCO JSON). Default: overlay.",
           output);
  add_switch(app, "--save-conf", &a.save_conf, "The score behind each line of --format yolo.",
             output);
  add_switch(app, "--coco91", &a.coco91,
             "Categories in COCO's files are the numbers of COCO's own annotations, from 1 to 90 "
             "with gaps, in place of 0 to 79. For models of its 80 classes.",
             output);
  add_show_option(app, &a.show, "the run's first overlay", output);

  add_run_options(app, &a.run, true);
  add_integer(app, "--jobs", &a.jobs, 1, 1024,
              "Images at a time, which share the threads and take turns on the GPUs. Default: the "
              "number of GPUs of --device, 1 on the CPU.",
              "Running");
  add_integer(app, "--batch", &a.batch, 1, 64,
              "Images that each of --jobs reads and detects in together: those that are equally "
              "large in the network's pixels go through it at once. They are in memory "
              "together. Default: 1.",
              "Running");
  add_output_options(app, &a.output,
                     "One JSON object per image and line on standard output: size, detections "
                     "(class, name, score, bbox_xyxy, bbox_xywh; with --segment-with rle), timings "
                     "in ms, files.");
  describe_command(
      app,
      "lasso detect IMAGE... --model FILE [--conf-thres X] [--iou-thres X] [--topk N]\n"
      "                    [--segment-with SAM] [-o DIR] [--format LIST] [OPTIONS]",
      kEpilogue);
  set_action(app, arguments, run_detect, action);
}

}  // namespace lasso::app
