#include "metrics/mean_precision.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lasso {

namespace {

constexpr std::size_t kRecalls = 101;

double threshold_of(std::size_t i) { return 0.5 + 0.05 * static_cast<double>(i); }

double area(const CocoBox& box) { return box.width * box.height; }

double intersection(const CocoBox& a, const CocoBox& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

// Of a found box with a true one; of a crowd, the part of the found box that is in it.
double overlap(const CocoBox& found, const TruthBox& truth) {
  if (!truth.crowd) return box_iou(found, truth.box);
  const double both = intersection(found, truth.box);
  return both == 0 ? 0 : both / area(found);
}

}  // namespace

double box_iou(const CocoBox& a, const CocoBox& b) {
  const double both = intersection(a, b);
  return both == 0 ? 0 : both / (area(a) + area(b) - both);
}

void PrecisionMeter::add(const std::vector<TruthBox>& truth, const std::vector<FoundBox>& found) {
  ++images_;
  if (truth.empty() && found.empty()) ++empty_images_;
  std::vector<bool> seen(hits_.size());
  std::vector<std::size_t> categories;
  const auto see = [&](std::size_t category) {
    if (category >= seen.size() || seen[category]) return;
    seen[category] = true;
    categories.push_back(category);
  };
  for (const TruthBox& t : truth) see(t.category);
  for (const FoundBox& f : found) see(f.category);
  for (const std::size_t category : categories) {
    std::vector<TruthBox> true_boxes;
    std::vector<FoundBox> found_boxes;
    for (const TruthBox& t : truth) {
      if (t.category == category) true_boxes.push_back(t);
    }
    for (const FoundBox& f : found) {
      if (f.category == category) found_boxes.push_back(f);
    }
    // Crowds come last: a box takes one where nothing else is left.
    std::stable_partition(true_boxes.begin(), true_boxes.end(),
                          [](const TruthBox& t) { return !t.crowd; });
    std::stable_sort(found_boxes.begin(), found_boxes.end(),
                     [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; });
    if (found_boxes.size() > most_found_) found_boxes.resize(most_found_);
    add_category(category, true_boxes, found_boxes);
  }
}

void PrecisionMeter::add_category(std::size_t category, const std::vector<TruthBox>& truth,
                                  const std::vector<FoundBox>& found) {
  truths_[category] += static_cast<std::size_t>(
      std::count_if(truth.begin(), truth.end(), [](const TruthBox& t) { return !t.crowd; }));
  std::vector<std::vector<double>> overlaps;
  for (const FoundBox& f : found) {
    std::vector<double>& row = overlaps.emplace_back();
    for (const TruthBox& t : truth) row.push_back(overlap(f.box, t));
  }
  const std::size_t first = hits_[category].size();
  for (const FoundBox& f : found) hits_[category].push_back({f.score, {}});
  for (std::size_t k = 0; k < kPrecisionThresholds; ++k) {
    std::vector<bool> taken(truth.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      double best = std::min(threshold_of(k), 1 - 1e-10);
      std::size_t match = truth.size();
      for (std::size_t j = 0; j < truth.size(); ++j) {
        if (taken[j] && !truth[j].crowd) continue;
        if (match < truth.size() && !truth[match].crowd && truth[j].crowd) break;
        if (overlaps[i][j] < best) continue;
        best = overlaps[i][j];
        match = j;
      }
      if (match == truth.size()) continue;  // kWrong
      taken[match] = true;
      hits_[category][first + i].fates[k] = truth[match].crowd ? Fate::kIgnored : Fate::kRight;
    }
  }
}

double PrecisionMeter::precision(std::size_t category, std::size_t threshold) const {
  const std::vector<Hit>& hits = hits_[category];
  std::vector<std::size_t> order(hits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return hits[a].score > hits[b].score; });
  // After each found box that counts: recall, and precision.
  std::vector<double> recalls;
  std::vector<double> precisions;
  double right = 0;
  double wrong = 0;
  for (const std::size_t i : order) {
    const Fate fate = hits[i].fates[threshold];
    right += fate == Fate::kRight ? 1 : 0;
    wrong += fate == Fate::kWrong ? 1 : 0;
    recalls.push_back(right / static_cast<double>(truths_[category]));
    precisions.push_back(right / (right + wrong + std::numeric_limits<double>::epsilon()));
  }
  for (std::size_t i = precisions.size(); i-- > 1;) {
    precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
  }
  double sum = 0;
  for (std::size_t r = 0; r < kRecalls; ++r) {
    const double recall = 0.01 * static_cast<double>(r);
    const auto at = std::lower_bound(recalls.begin(), recalls.end(), recall);
    if (at == recalls.end()) break;
    sum += precisions[static_cast<std::size_t>(at - recalls.begin())];
  }
  return sum / kRecalls;
}

MeanPrecision PrecisionMeter::result() const {
  MeanPrecision mean;
  mean.truths = truths_;
  mean.images = images_;
  mean.empty_images = empty_images_;
  double known = 0;
  for (std::size_t category = 0; category < hits_.size(); ++category) {
    if (truths_[category] == 0) {
      mean.categories.push_back(-1);
      continue;
    }
    ++known;
    double sum = 0;
    for (std::size_t k = 0; k < kPrecisionThresholds; ++k) {
      const double precision = this->precision(category, k);
      sum += precision;
      if (k == 0) mean.map_50 += precision;
      if (k == 5) mean.map_75 += precision;
    }
    mean.categories.push_back(sum / kPrecisionThresholds);
    mean.map += mean.categories.back();
  }
  for (double* value : {&mean.map, &mean.map_50, &mean.map_75}) {
    *value = known > 0 ? *value / known : -1;
  }
  return mean;
}

}  // namespace lasso
