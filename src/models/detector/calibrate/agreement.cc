#include "models/detector/calibrate/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/detector/programs.h"
#include "models/detector/recognise.h"
#include "models/median_time.h"

namespace lasso::detector {

namespace {

CocoBox box_of(const Box& box) {
  return {static_cast<double>(box.x0), static_cast<double>(box.y0),
          static_cast<double>(box.x1) - static_cast<double>(box.x0),
          static_cast<double>(box.y1) - static_cast<double>(box.y0)};
}

bool has_area(const Detection& detection) {
  return detection.box.x1 > detection.box.x0 && detection.box.y1 > detection.box.y0;
}

}  // namespace

DetectOptions measuring_options(const DetectorInfo& info) {
  constexpr double kLeastScore = 0.001;  // of YOLOv7's test.py
  DetectOptions options;
  if (!has_own_suppression(info)) options.conf_thres = kLeastScore;
  return options;
}

double object_threshold(const DetectorInfo& info) {
  return has_own_suppression(info) ? -1 : Rules().conf_thres;
}

std::size_t BoxAgreement::category_of(std::int32_t class_id) {
  return categories_.emplace(class_id, categories_.size()).first->second;
}

void BoxAgreement::add(const std::vector<Detection>& found, double run_ms,
                       const std::vector<Detection>& reference) {
  if (run_ms > 0) run_ms_.push_back(run_ms);
  const auto is_object = [&](const Detection& detection) {
    return has_area(detection) && static_cast<double>(detection.score) > threshold_;
  };
  if (std::none_of(found.begin(), found.end(), is_object) &&
      std::none_of(reference.begin(), reference.end(), is_object)) {
    ++without_evidence_;
    return;
  }
  Picture& picture = pictures_.emplace_back();
  for (const Detection& detection : reference) {
    if (!is_object(detection)) continue;
    picture.objects.push_back({category_of(detection.class_id), box_of(detection.box)});
  }
  for (const Detection& detection : found) {
    if (!has_area(detection)) continue;
    picture.found.push_back({category_of(detection.class_id), box_of(detection.box),
                             static_cast<double>(detection.score)});
  }
}

template <typename Predicate>
MeanPrecision BoxAgreement::measure(const Predicate& takes) const {
  PrecisionMeter meter(categories_.size(), std::numeric_limits<std::size_t>::max());
  for (std::size_t i = 0; i < pictures_.size(); ++i) {
    if (takes(i)) meter.add(pictures_[i].objects, pictures_[i].found);
  }
  return meter.result();
}

int BoxAgreement::boxes() const {
  std::size_t count = 0;
  for (const Picture& picture : pictures_) count += picture.objects.size();
  return static_cast<int>(count);
}

double BoxAgreement::precision_50() const {
  return std::max(0.0, measure([](std::size_t) { return true; }).map_50);
}

// Without part j of n the mean is m_j: the variance of the whole is (n - 1) / n of the sum of
// (m_j - their mean)^2 (Efron and Stein, 1981).
double BoxAgreement::standard_error() const {
  constexpr std::size_t kMostParts = 32;
  const std::size_t parts = std::min(kMostParts, pictures_.size());
  std::vector<double> means;
  for (std::size_t part = 0; part < parts; ++part) {
    const double mean = measure([&](std::size_t i) { return i % parts != part; }).map;
    if (mean >= 0) means.push_back(mean);
  }
  if (means.size() < 2) return 0;
  const auto count = static_cast<double>(means.size());
  double mean = 0;
  for (const double value : means) mean += value / count;
  double squares = 0;
  for (const double value : means) squares += (value - mean) * (value - mean);
  return std::min(1.0, std::sqrt((count - 1) / count * squares));
}

double BoxAgreement::lowest() const {
  double lowest = 1;
  for (std::size_t i = 0; i < pictures_.size(); ++i) {
    const double mean = measure([&](std::size_t k) { return k == i; }).map;
    lowest = std::min(lowest, std::max(0.0, mean));
  }
  return pictures_.empty() ? 0 : lowest;
}

quant::Score BoxAgreement::score() const {
  const double mean = measure([](std::size_t) { return true; }).map;
  return {std::max(0.0, mean), lowest(), standard_error(), median_time(run_ms_), without_evidence_};
}

}  // namespace lasso::detector
