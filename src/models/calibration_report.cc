#include "models/calibration_report.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "models/precision.h"

namespace lasso {

namespace {

PrecisionTrial trial_of(const quant::Assignment& assignment, const quant::Score& score,
                        const std::vector<CalibratedLayer>& layers) {
  PrecisionTrial row;
  row.int8_layers = assignment.count(DType::kI8);
  row.fp16_layers = assignment.count(DType::kF16);
  row.bf16_layers = assignment.count(DType::kBF16);
  row.fp32_layers = assignment.count(DType::kF32);
  row.rest = precision_of(assignment.rest);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (assignment.layers[i] == DType::kI8) row.int8_work += layers[i].work;
    if (assignment.layers[i] == DType::kF16) row.fp16_work += layers[i].work;
  }
  row.mean = score.mean;
  row.lowest = score.lowest;
  row.standard_error = score.standard_error;
  row.without_evidence = score.without_evidence;
  row.run_ms = score.run_ms;
  return row;
}

auto rank_of(const PrecisionTrial& trial) {
  return std::tuple(trial.int8_layers, trial.fp16_layers, trial.bf16_layers,
                    trial.rest == Precision::kFp16, trial.rest == Precision::kBf16);
}

}  // namespace

void report_pictures(const CalibrationSet& set, CalibrationReport& report) {
  for (const CalibrationPicture& picture : set.choosing) {
    report.choosing_images.push_back(picture.name);
  }
  for (const CalibrationPicture& picture : set.accepting) {
    report.accepting_images.push_back(picture.name);
  }
  report.skipped = set.skipped;
}

void report_layers(const std::vector<std::string>& names, const std::vector<double>& work,
                   CalibrationReport& report) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    CalibratedLayer layer;
    layer.name = names[i];
    layer.work = work[i];
    report.layers.push_back(std::move(layer));
  }
}

void report_choice(quant::Calibration& layers, const quant::Assignment& chosen,
                   CalibrationReport& report) {
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    CalibratedLayer& layer = report.layers[i];
    layer.precision = precision_of(chosen.layers[i]);
    if (layers.has_losses()) layer.loss = layers.losses()[i];
    if (!layers.smoothings().empty()) {
      const quant::Smoothing& smoothing = layers.smoothings()[i];
      layer.smoothing = smoothing.exponent;
      layer.error = smoothing.error;
      layer.plain_error = smoothing.plain_error;
    }
    if (!layers.input_ranges().empty()) {
      const quant::InputRange& input = layers.input_ranges()[i];
      layer.input_low = static_cast<double>(input.range.low);
      layer.input_high = static_cast<double>(input.range.high);
      layer.error = input.error;
      layer.plain_error = input.plain_error;
    }
  }
  for (const auto& [assignment, score] : layers.trials()) {
    report.trials.push_back(trial_of(assignment, score, report.layers));
    report.trials.back().chosen = assignment == chosen;
  }
  std::sort(
      report.trials.begin(), report.trials.end(),
      [](const PrecisionTrial& a, const PrecisionTrial& b) { return rank_of(a) > rank_of(b); });
}

void report_acceptance(const quant::Score& score, double aim, const CalibrationSet& set, int seed,
                       CalibrationReport& report) {
  AccuracyRecord& accuracy = report.accuracy;
  accuracy.aim = aim;
  accuracy.mean = score.mean;
  accuracy.standard_error = score.standard_error;
  accuracy.lowest = score.lowest;
  accuracy.without_evidence = score.without_evidence;
  accuracy.random_pictures = set.random;
  accuracy.seed = seed;
  report.accepted = aim == 0 || (accuracy.compared > 0 && accuracy.mean >= aim);
}

}  // namespace lasso
