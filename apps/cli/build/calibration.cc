#include "cli/build/calibration.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>
#include <vector>

#include "cli/console.h"
#include "cli/model/model.h"
#include "cli/picture_folder.h"
#include "cli/range.h"
#include "cli/values.h"
#include "common/pictures.h"

namespace lasso::app {

namespace {

constexpr const char* kGroup = "Calibration";

std::vector<std::string> images_of(const std::string& folder) {
  std::vector<std::string> paths;
  const AccuracySet set = read_picture_folder("--calibrate", folder);
  for (const AccuracyImage& image : set.images) paths.push_back(image.path);
  return paths;
}

// None where the option is not given.
std::optional<double> parse_aim(const std::string& option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const double aim = parse_positive(option, text);
  if (aim > 1) usage_error("{} {}: expected a number above 0 and at most 1", option, text);
  return aim;
}

}  // namespace

std::vector<std::string> CalibrationArguments::given() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_group() == kGroup && option->count() > 0) names.push_back(option->get_name());
  }
  return names;
}

bool CalibrationArguments::wanted(const std::string& precision) const {
  const bool chooses = precision == to_string(Precision::kAuto);
  const std::vector<std::string> options = given();
  if (!options.empty() && (precision.empty() || precision == to_string(Precision::kFp32))) {
    usage_error("{}: calibration is for --precision fp16, bf16, int8 or auto", options.front());
  }
  if (sensitivity && !chooses) {
    usage_error("--sensitivity: layers are ranked with --precision auto only");
  }
  return chooses || !options.empty();
}

void add_calibration_pictures(CLI::App* app, CalibrationArguments* arguments,
                              const std::string& use) {
  CalibrationArguments& a = *arguments;
  a.app = app;
  app->add_option("--calibrate", a.folder,
                  "Folder of images (JPEG, PNG, PPM, PGM) like those that the engine will see" +
                      use + "; at least 4. Without DIR: random pictures.")
      ->type_name("[DIR]")
      ->expected(0, 1)
      ->group(kGroup);
  add_range_option(app, &a.range, "full, all that the files could hold", kGroup);
  add_integer(app, "--calibration-images", &a.images, 4, 4096,
              "Images to use, at most. Default: 32.", kGroup);
  add_integer(app, "--seed", &a.seed, 0, std::numeric_limits<int>::max(),
              "Which images, points and random pictures. Default: 1.", kGroup);
}

void add_calibration_options(CLI::App* app, CalibrationArguments* arguments) {
  CalibrationArguments& a = *arguments;
  add_calibration_pictures(app, &a, ": half of them choose precisions, half accept the result");
  add_text(app, "--min-iou", &a.min_iou, "X",
           "Mean IoU of the engine's masks with those of fp32, above 0 and at most 1; below it, or "
           "where all masks are empty, no file is written (status 6). Default: 0.99.",
           kGroup);
  add_text(
      app, "--min-map", &a.min_map, "X",
      "Of a detector in place of --min-iou: mAP@0.5:0.95 of the engine's boxes where those of "
      "fp32 are the truth. Default: 0.99 with --precision auto, else none: the file is written, "
      "and records what it keeps.",
      kGroup);
  add_switch(app, "--sensitivity", &a.sensitivity,
             "With --precision auto, measure and list every layer's sensitivity even where int8 "
             "alone, or fp16 on a GPU, is good enough.",
             kGroup);
}

CalibrationPictures::CalibrationPictures(const CalibrationArguments& arguments)
    : folder_(arguments.folder.value_or("")),
      reader_(ReadImageOptions().max_pixels, parse_range(arguments.range)) {
  if (folder_.empty() && !arguments.range.empty()) {
    usage_error("--range {}: is for the images of --calibrate DIR, not for random pictures",
                arguments.range);
  }
  if (!folder_.empty()) {
    options_.images = images_of(folder_);
  } else {
    print_warning(
        "calibrating on random pictures: images like those that the engine will see tell more "
        "(--calibrate DIR)");
  }
  find_range(options_.images, &reader_);
  options_.read = [this](const std::string& path) { return reader_.read(path); };
  options_.count = arguments.images;
  options_.seed = arguments.seed;
}

void CalibrationPictures::warn_of(const std::vector<std::string>& skipped, std::size_t used) const {
  for (const std::string& one : skipped) print_warning("not used: " + one);
  if (skipped.empty()) return;
  print_warning(fmt::format("--calibrate {}: {} of {} images were not used", folder_,
                            skipped.size(), skipped.size() + used));
}

Calibrated run_calibration(const std::string& model, const lasso::EngineOptions& options,
                           const CalibrationArguments& arguments) {
  const std::optional<double> min_iou = parse_aim("--min-iou", arguments.min_iou);
  const std::optional<double> min_map = parse_aim("--min-map", arguments.min_map);
  const CalibrationPictures pictures(arguments);
  CalibrationOptions calibration = pictures.options();
  calibration.min_iou = min_iou;
  calibration.min_map = min_map;
  calibration.always_rank = arguments.sensitivity;
  Calibrated result;
  {
    Progress progress("calibrating");
    calibration.progress = [&](const std::string& stage, int done, int total) {
      progress.set(total > 0 ? fmt::format("calibrating: {}, {} of {}", stage, done + 1, total)
                             : fmt::format("calibrating: {}, {}", stage, done + 1));
    };
    result = calibrate(model, options, calibration);
  }
  pictures.warn_of(result.report.skipped,
                   result.report.choosing_images.size() + result.report.accepting_images.size());
  return result;
}

}  // namespace lasso::app
