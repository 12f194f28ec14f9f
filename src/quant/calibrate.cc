#include "quant/calibrate.h"

#include <utility>

#include "core/check.h"

namespace lasso::quant {

namespace {

// Data that did not choose will differ: the mean must lie above the aim by so many standard errors.
constexpr double kMargin = 1;

}  // namespace

Calibration::Calibration(CalibrationTask task) : task_(std::move(task)) {}

void Calibration::report(const std::string& stage, std::size_t done, std::size_t total) const {
  if (task_.progress) task_.progress(stage, done, total);
}

void Calibration::check_inputs(const std::vector<InputObserver>& inputs) const {
  LASSO_CHECK(inputs.size() == task_.layers.size(), ErrorCode::kInternal,
              "{} layers were observed, and {} are calibrated", inputs.size(), task_.layers.size());
}

void Calibration::search_smoothings(const std::vector<InputObserver>& inputs,
                                    const std::function<Tensor(std::size_t i)>& weights) {
  check_inputs(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    report("smoothing", i, inputs.size());
    const Tensor tensor = weights(i);
    smoothings_.push_back(search_smoothing(inputs[i], tensor.view()));
    tensor.release_pages();
  }
}

void Calibration::search_input_ranges(const std::vector<InputObserver>& inputs) {
  check_inputs(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    report("ranges", i, inputs.size());
    try {
      input_ranges_.push_back(search_input_range(inputs[i]));
    } catch (const Error& error) {
      fail(error.code(), "what the layer of {} reads: {}", task_.layers[i], error.what());
    }
  }
}

Assignment Calibration::uniform(DType weights) const {
  return quant::uniform(task_.layers.size(), weights, task_.candidates.rest_beside(weights));
}

PrecisionPlan Calibration::plan(const Assignment& assignment) const {
  PrecisionPlan plan;
  for (std::size_t i = 0; i < task_.layers.size(); ++i) {
    if (assignment.layers[i] == DType::kF32) continue;
    LayerPrecision& layer = plan.layers[task_.layers[i]];
    layer.weights = assignment.layers[i];
    if (layer.weights == DType::kI8 && !smoothings_.empty()) {
      layer.smoothing = smoothings_[i].factors;
    }
    if (layer.weights == DType::kI8 && !input_ranges_.empty()) {
      layer.input = input_ranges_[i].range;
    }
  }
  if (assignment.rest != DType::kF32) task_.lower_rest(plan, assignment.rest);
  return plan;
}

const Score& Calibration::trial(const Assignment& assignment) {
  const auto found = trials_.find(assignment);
  if (found != trials_.end()) return found->second;
  report("trying engines", trials_.size(), 0);
  return trials_.emplace(assignment, task_.measure(plan(assignment))).first->second;
}

bool Calibration::reaches(const Assignment& assignment) {
  const Score& score = trial(assignment);
  return score.mean - kMargin * score.standard_error >= task_.aim;
}

const std::vector<double>& Calibration::losses() {
  if (!losses_.empty()) return losses_;
  for (std::size_t i = 0; i < task_.layers.size(); ++i) {
    report("sensitivity of layers", i, task_.layers.size());
    Assignment alone = uniform(DType::kF32);
    alone.layers[i] = task_.candidates.layers.front();
    losses_.push_back(1 - task_.measure_few(plan(alone)));
  }
  return losses_;
}

Assignment Calibration::choose() {
  return choose_precisions({task_.layers.size(), task_.candidates,
                            [&](const Assignment& assignment) { return reaches(assignment); },
                            [&] { return losses(); }});
}

}  // namespace lasso::quant
