#include "cli/build/calibration_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/console.h"
#include "cli/table.h"

namespace lasso::app {

namespace {

// How figures of a measure are called in texts and in JSON.
struct Names {
  const char* mean;
  const char* lost;
  const char* without_evidence;  // a column's title
  const char* run;               // the same
  const char* json_mean;
  const char* json_lowest;
  const char* json_aim;
  const char* json_loss;
  const char* json_without_evidence;
  const char* json_run_ms;
  const char* compared;  // in both
};

bool is_of_boxes(const AccuracyRecord& accuracy) {
  return accuracy.measure == AgreementMeasure::kBoxPrecision;
}

const Names& names_for(const AccuracyRecord& accuracy) {
  static constexpr Names kMasks{"mean IoU",    "IoU lost",   "both empty", "encode",
                                "mean_iou",    "lowest_iou", "min_iou",    "iou_loss",
                                "empty_pairs", "encode_ms",  "masks"};
  static constexpr Names kBoxes{"mAP",          "mAP lost",   "no boxes", "network",
                                "map",          "lowest_map", "min_map",  "map_loss",
                                "empty_images", "network_ms", "boxes"};
  return is_of_boxes(accuracy) ? kBoxes : kMasks;
}

OrderedJson layer_json(const CalibratedLayer& layer, const AccuracyRecord& accuracy) {
  const Names& names = names_for(accuracy);
  OrderedJson json = {{"name", layer.name},
                      {"precision", to_string(layer.precision)},
                      {"work", layer.work},
                      {names.json_loss, nullptr}};
  if (layer.loss) json[names.json_loss] = *layer.loss;
  if (is_of_boxes(accuracy)) {
    json["input_low"] = layer.input_low;
    json["input_high"] = layer.input_high;
  } else {
    json["smoothing"] = layer.smoothing;
  }
  json["error"] = layer.error;
  json["plain_error"] = layer.plain_error;
  return json;
}

OrderedJson trial_json(const PrecisionTrial& trial, const AccuracyRecord& accuracy) {
  const Names& names = names_for(accuracy);
  return {{"int8_layers", trial.int8_layers},
          {"fp16_layers", trial.fp16_layers},
          {"bf16_layers", trial.bf16_layers},
          {"fp32_layers", trial.fp32_layers},
          {"rest", to_string(trial.rest)},
          {"int8_work", trial.int8_work},
          {"fp16_work", trial.fp16_work},
          {names.json_mean, trial.mean},
          {names.json_lowest, trial.lowest},
          {"standard_error", trial.standard_error},
          {names.json_without_evidence, trial.without_evidence},
          {names.json_run_ms, trial.run_ms},
          {"chosen", trial.chosen}};
}

// "blocks.0.attn.qkv" of "image_encoder.blocks.0.attn.qkv.weight" and of
// "blocks.0.attn.qkv.weight".
std::string short_name(const std::string& name) {
  constexpr std::string_view kEncoder = "image_encoder.";
  const std::size_t begin = name.starts_with(kEncoder) ? kEncoder.size() : 0;
  return name.substr(begin, name.rfind('.') - begin);
}

// Rounded down, to 4 digits or as many as it takes to tell on which side of the aim it lies.
std::string mean_text(const AccuracyRecord& accuracy) {
  constexpr int kMostDigits = 12;
  constexpr double kRounding = 1e-12;  // of the products below
  const bool reached = accuracy.mean >= accuracy.aim;
  for (int digits = 4;; ++digits) {
    const double scale = std::pow(10, digits);
    const double down = std::floor(accuracy.mean * scale * (1 + kRounding)) / scale;
    if (digits == kMostDigits || (down >= accuracy.aim) == reached) {
      return fmt::format("{} {:.{}f}", names_for(accuracy).mean, down, digits);
    }
  }
}

std::string counted(int count, const char* thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string images_text(const AccuracyRecord& accuracy) {
  return counted(accuracy.images, accuracy.random_pictures ? "random picture" : "image");
}

// Where nothing can be compared.
std::string empty_text(const AccuracyRecord& accuracy) {
  if (!is_of_boxes(accuracy)) {
    return fmt::format(
        "for every prompt ({}), the masks of the engine and of fp32 are empty, which says nothing "
        "about accuracy",
        accuracy.without_evidence);
  }
  return fmt::format(
      "fp32 finds nothing in the {} that {} to accept the engine, which says nothing about "
      "accuracy; images with objects of the model's classes are needed",
      counted(accuracy.images + accuracy.without_evidence,
              accuracy.random_pictures ? "random picture" : "image"),
      accuracy.images + accuracy.without_evidence == 1 ? "is" : "are");
}

std::string without_evidence_text(const AccuracyRecord& accuracy) {
  const int count = accuracy.without_evidence;
  if (count == 0) return "";
  if (is_of_boxes(accuracy)) {
    return fmt::format(", besides {} without boxes", counted(count, "image"));
  }
  return fmt::format(", besides {} of empty masks", counted(count, "pair"));
}

// The layers whose sensitivity was measured, the most sensitive first.
std::vector<CalibratedLayer> ranked(const CalibrationReport& report) {
  std::vector<CalibratedLayer> layers;
  for (const CalibratedLayer& layer : report.layers) {
    if (layer.loss) layers.push_back(layer);
  }
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto& a, const auto& b) { return *a.loss > *b.loss; });
  return layers;
}

std::string smoothing_text(const CalibratedLayer& layer) {
  return layer.smoothing > 0 ? fmt::format("{:.1f}", layer.smoothing) : "none";
}

void print_sensitivity(const CalibrationReport& report) {
  const std::vector<CalibratedLayer> layers = ranked(report);
  if (layers.empty()) return;
  const bool is_int8 = report.lowest == Precision::kInt8;
  const bool is_boxes = is_of_boxes(report.accuracy);
  std::vector<Column> columns{
      {"layer"},
      {fmt::format("{} in {}", names_for(report.accuracy).lost, to_string(report.lowest)),
       Align::kRight}};
  if (is_int8) {
    for (const char* name : {is_boxes ? "reads" : "smoothing", "error", "without"}) {
      columns.push_back({name, Align::kRight});
    }
  }
  columns.push_back({"work", Align::kRight});
  columns.push_back({"runs in"});
  Table table(std::move(columns));
  for (const CalibratedLayer& layer : layers) {
    std::vector<std::string> row{short_name(layer.name), fmt::format("{:.5f}", *layer.loss)};
    if (is_int8) {
      row.push_back(is_boxes ? fmt::format("{:.3g} .. {:.3g}", layer.input_low, layer.input_high)
                             : smoothing_text(layer));
      row.push_back(fmt::format("{:.1e}", layer.error));
      row.push_back(fmt::format("{:.1e}", layer.plain_error));
    }
    row.push_back(fmt::format("{:.1f} %", 100 * layer.work));
    row.emplace_back(to_string(layer.precision));
    table.add(std::move(row), layer.precision == report.lowest ? Style::kPlain : Style::kYellow);
  }
  print(table.text());
}

void print_trials(const CalibrationReport& report) {
  const Names& names = names_for(report.accuracy);
  // Where fp16 is among the candidates, int8 is not.
  const bool fp16 =
      std::any_of(report.trials.begin(), report.trials.end(), [](const PrecisionTrial& trial) {
        return trial.fp16_layers > 0 || trial.rest == Precision::kFp16;
      });
  const char* lowest = to_string(fp16 ? Precision::kFp16 : Precision::kInt8);
  Table table({{fmt::format("layers in {} / bf16 / fp32", lowest)},
               {"the rest"},
               {fmt::format("work in {}", lowest), Align::kRight},
               {names.mean, Align::kRight},
               {"lowest", Align::kRight},
               {names.without_evidence, Align::kRight},
               {names.run, Align::kRight},
               {""}});
  for (const PrecisionTrial& trial : report.trials) {
    table.add({fmt::format("{} / {} / {}", fp16 ? trial.fp16_layers : trial.int8_layers,
                           trial.bf16_layers, trial.fp32_layers),
               to_string(trial.rest),
               fmt::format("{:.1f} %", 100 * (fp16 ? trial.fp16_work : trial.int8_work)),
               fmt::format("{:.4f} +- {:.4f}", trial.mean, trial.standard_error),
               fmt::format("{:.3f}", trial.lowest), fmt::format("{}", trial.without_evidence),
               fmt::format("{:.1f} ms", trial.run_ms), trial.chosen ? "chosen" : ""},
              trial.chosen ? Style::kBold : Style::kPlain);
  }
  print(table.text());
}

}  // namespace

void print_calibration(const CalibrationReport& report) {
  print_sensitivity(report);
  print_trials(report);
  const AccuracyRecord& accuracy = report.accuracy;
  const char* verdict = accuracy.aim == 0 ? "measured" : report.accepted ? "accepted" : "refused";
  const std::string which = accuracy.compared == 0
                                ? ""
                                : fmt::format(" that did not choose ({} {})", accuracy.compared,
                                              names_for(accuracy).compared);
  print(styled(
      report.accepted ? Style::kGreen : Style::kRed,
      fmt::format("{}: {}{}{}", verdict, accuracy_text(accuracy, ""), which, aim_text(accuracy))));
}

std::string accuracy_text(const AccuracyRecord& accuracy, const std::string& reference) {
  if (accuracy.compared == 0) return empty_text(accuracy);
  return fmt::format("{} +- {:.4f}{}{}, lowest {:.3f}, on {}{}", mean_text(accuracy),
                     accuracy.standard_error, reference,
                     is_of_boxes(accuracy) ? fmt::format(", mAP@0.5 {:.4f}", accuracy.mean_50) : "",
                     accuracy.lowest, images_text(accuracy), without_evidence_text(accuracy));
}

std::string aim_text(const AccuracyRecord& accuracy) {
  return accuracy.aim > 0 ? fmt::format("; asked for {}", accuracy.aim) : "";
}

OrderedJson accuracy_json(const AccuracyRecord& accuracy) {
  const Names& names = names_for(accuracy);
  OrderedJson json = {{names.json_aim, accuracy.aim},
                      {names.json_mean, accuracy.mean},
                      {"standard_error", accuracy.standard_error},
                      {names.json_lowest, accuracy.lowest},
                      {"images", accuracy.images},
                      {names.compared, accuracy.compared},
                      {names.json_without_evidence, accuracy.without_evidence},
                      {"random_pictures", accuracy.random_pictures},
                      {"seed", accuracy.seed}};
  if (!is_of_boxes(accuracy)) return json;
  json["map_50"] = accuracy.mean_50;
  if (accuracy.aim == 0) json[names.json_aim] = nullptr;
  return json;
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
  for (const CalibratedLayer& layer : report.layers) {
    json["layers"].push_back(layer_json(layer, report.accuracy));
  }
  for (const PrecisionTrial& trial : report.trials) {
    json["trials"].push_back(trial_json(trial, report.accuracy));
  }
  return json;
}

std::string no_evidence(const CalibrationReport& report) {
  return report.accuracy.compared == 0 ? empty_text(report.accuracy) : "";
}

std::string refusal(const CalibrationReport& report) {
  const AccuracyRecord& accuracy = report.accuracy;
  if (accuracy.compared == 0) return empty_text(accuracy);
  return fmt::format("{} on {}, and {} is asked for", mean_text(accuracy), images_text(accuracy),
                     accuracy.aim);
}

}  // namespace lasso::app
