#include "cli/build/calibration.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "cli/console.h"
#include "cli/model/model.h"
#include "cli/picture_folder.h"
#include "cli/range.h"
#include "cli/table.h"
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

OrderedJson layer_json(const CalibratedLayer& layer) {
  OrderedJson json = {{"name", layer.name},
                      {"precision", to_string(layer.precision)},
                      {"work", layer.work},
                      {"iou_loss", nullptr},
                      {"smoothing", layer.smoothing},
                      {"error", layer.error},
                      {"plain_error", layer.plain_error}};
  if (layer.iou_loss) json["iou_loss"] = *layer.iou_loss;
  return json;
}

OrderedJson trial_json(const PrecisionTrial& trial) {
  return {{"int8_layers", trial.int8_layers},
          {"fp16_layers", trial.fp16_layers},
          {"bf16_layers", trial.bf16_layers},
          {"fp32_layers", trial.fp32_layers},
          {"rest", to_string(trial.rest)},
          {"int8_work", trial.int8_work},
          {"fp16_work", trial.fp16_work},
          {"mean_iou", trial.mean_iou},
          {"lowest_iou", trial.lowest_iou},
          {"standard_error", trial.standard_error},
          {"empty_pairs", trial.empty_pairs},
          {"encode_ms", trial.encode_ms},
          {"chosen", trial.chosen}};
}

// "blocks.0.attn.qkv" of "image_encoder.blocks.0.attn.qkv.weight".
std::string short_name(const std::string& name) {
  const std::size_t begin = name.find('.') + 1;
  return name.substr(begin, name.rfind('.') - begin);
}

// Rounded down, to 4 digits or as many as it takes to tell on which side of the aim it lies.
std::string mean_iou_text(const AccuracyRecord& accuracy) {
  constexpr int kMostDigits = 12;
  constexpr double kRounding = 1e-12;  // of the products below
  const bool reached = accuracy.mean_iou >= accuracy.min_iou;
  for (int digits = 4;; ++digits) {
    const double scale = std::pow(10, digits);
    const double down = std::floor(accuracy.mean_iou * scale * (1 + kRounding)) / scale;
    if (digits == kMostDigits || (down >= accuracy.min_iou) == reached) {
      return fmt::format("{:.{}f}", down, digits);
    }
  }
}

std::string images_text(const AccuracyRecord& accuracy) {
  return fmt::format("{} {}{}", accuracy.images,
                     accuracy.random_pictures ? "random picture" : "image",
                     accuracy.images == 1 ? "" : "s");
}

// Where no mask can be compared.
std::string empty_text(const AccuracyRecord& accuracy) {
  return fmt::format(
      "for every prompt ({}), the masks of the engine and of fp32 are empty, which says nothing "
      "about accuracy",
      accuracy.empty_pairs);
}

// The layers whose sensitivity was measured, the most sensitive first.
std::vector<CalibratedLayer> ranked(const CalibrationReport& report) {
  std::vector<CalibratedLayer> layers;
  for (const CalibratedLayer& layer : report.layers) {
    if (layer.iou_loss) layers.push_back(layer);
  }
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto& a, const auto& b) { return *a.iou_loss > *b.iou_loss; });
  return layers;
}

void print_sensitivity(const CalibrationReport& report) {
  const std::vector<CalibratedLayer> layers = ranked(report);
  if (layers.empty()) return;
  const bool smoothed = report.lowest == Precision::kInt8;
  std::vector<Column> columns{
      {"layer"}, {fmt::format("IoU lost in {}", to_string(report.lowest)), Align::kRight}};
  if (smoothed) {
    for (const char* name : {"smoothing", "error", "without"}) {
      columns.push_back({name, Align::kRight});
    }
  }
  columns.push_back({"work", Align::kRight});
  columns.push_back({"runs in"});
  Table table(std::move(columns));
  for (const CalibratedLayer& layer : layers) {
    std::vector<std::string> row{short_name(layer.name), fmt::format("{:.5f}", *layer.iou_loss)};
    if (smoothed) {
      row.push_back(layer.smoothing > 0 ? fmt::format("{:.1f}", layer.smoothing) : "none");
      row.push_back(fmt::format("{:.1e}", layer.error));
      row.push_back(fmt::format("{:.1e}", layer.plain_error));
    }
    row.push_back(fmt::format("{:.1f} %", 100 * layer.work));
    row.emplace_back(to_string(layer.precision));
    table.add(std::move(row), layer.precision == report.lowest ? Style::kPlain : Style::kYellow);
  }
  print(table.text());
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
  double min_iou = CalibrationOptions().min_iou;
  if (!arguments.min_iou.empty()) {
    min_iou = parse_positive("--min-iou", arguments.min_iou);
    if (min_iou > 1) {
      usage_error("--min-iou {}: expected a number above 0 and at most 1", arguments.min_iou);
    }
  }
  const CalibrationPictures pictures(arguments);
  CalibrationOptions calibration = pictures.options();
  calibration.min_iou = min_iou;
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

void print_calibration(const CalibrationReport& report) {
  print_sensitivity(report);
  // Where fp16 is among the candidates, int8 is not.
  const bool fp16 =
      std::any_of(report.trials.begin(), report.trials.end(), [](const PrecisionTrial& trial) {
        return trial.fp16_layers > 0 || trial.rest == Precision::kFp16;
      });
  const char* lowest = to_string(fp16 ? Precision::kFp16 : Precision::kInt8);
  Table table({{fmt::format("layers in {} / bf16 / fp32", lowest)},
               {"the rest"},
               {fmt::format("work in {}", lowest), Align::kRight},
               {"mean IoU", Align::kRight},
               {"lowest", Align::kRight},
               {"both empty", Align::kRight},
               {"encode", Align::kRight},
               {""}});
  for (const PrecisionTrial& trial : report.trials) {
    table.add({fmt::format("{} / {} / {}", fp16 ? trial.fp16_layers : trial.int8_layers,
                           trial.bf16_layers, trial.fp32_layers),
               to_string(trial.rest),
               fmt::format("{:.1f} %", 100 * (fp16 ? trial.fp16_work : trial.int8_work)),
               fmt::format("{:.4f} +- {:.4f}", trial.mean_iou, trial.standard_error),
               fmt::format("{:.3f}", trial.lowest_iou), fmt::format("{}", trial.empty_pairs),
               fmt::format("{:.1f} ms", trial.encode_ms), trial.chosen ? "chosen" : ""},
              trial.chosen ? Style::kBold : Style::kPlain);
  }
  print(table.text());
  const AccuracyRecord& accuracy = report.accuracy;
  print(styled(report.accepted ? Style::kGreen : Style::kRed,
               fmt::format("{}: {} that did not choose ({} masks); asked for {}",
                           report.accepted ? "accepted" : "refused", accuracy_text(accuracy, ""),
                           accuracy.masks, accuracy.min_iou)));
}

std::string accuracy_text(const AccuracyRecord& accuracy, const std::string& reference) {
  if (accuracy.masks == 0) return empty_text(accuracy);
  const std::string empty =
      accuracy.empty_pairs == 0
          ? ""
          : fmt::format(", besides {} pair{} of empty masks", accuracy.empty_pairs,
                        accuracy.empty_pairs == 1 ? "" : "s");
  return fmt::format("mean IoU {} +- {:.4f}{}, lowest {:.3f}, on {}{}", mean_iou_text(accuracy),
                     accuracy.standard_error, reference, accuracy.lowest_iou, images_text(accuracy),
                     empty);
}

OrderedJson accuracy_json(const AccuracyRecord& accuracy) {
  return {{"min_iou", accuracy.min_iou},
          {"mean_iou", accuracy.mean_iou},
          {"standard_error", accuracy.standard_error},
          {"lowest_iou", accuracy.lowest_iou},
          {"images", accuracy.images},
          {"masks", accuracy.masks},
          {"empty_pairs", accuracy.empty_pairs},
          {"random_pictures", accuracy.random_pictures},
          {"seed", accuracy.seed}};
}

OrderedJson calibration_json(const CalibrationReport& report) {
  OrderedJson json = {{"precision", to_string(report.precision)},
                      {"accepted", report.accepted},
                      {"accuracy", accuracy_json(report.accuracy)},
                      {"layers", OrderedJson::array()},
                      {"trials", OrderedJson::array()},
                      {"choosing_images", report.choosing_images},
                      {"accepting_images", report.accepting_images},
                      {"skipped", report.skipped}};
  for (const CalibratedLayer& layer : report.layers) json["layers"].push_back(layer_json(layer));
  for (const PrecisionTrial& trial : report.trials) json["trials"].push_back(trial_json(trial));
  return json;
}

std::string refusal(const CalibrationReport& report) {
  const AccuracyRecord& accuracy = report.accuracy;
  if (accuracy.masks == 0) return empty_text(accuracy);
  return fmt::format("mean IoU {} on {}, and {} is asked for", mean_iou_text(accuracy),
                     images_text(accuracy), accuracy.min_iou);
}

}  // namespace lasso::app
