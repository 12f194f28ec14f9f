#include "eval/accuracy_results.h"

#include <algorithm>
#include <utility>

namespace lasso {

const std::vector<int>& flood_tolerances() {
  static const std::vector<int> tolerances = {2,  4,  6,  8,  10, 12, 16, 20,
                                              24, 32, 40, 48, 64, 80, 96};
  return tolerances;
}

std::size_t AccuracyResults::prompt_count() const {
  std::size_t count = 0;
  for (const ImageResult& image : images) count += image.prompts.size();
  return count;
}

void TruthSummary::add(const MaskResult& result) {
  if (result.with_truth) points.add(*result.with_truth);
  if (!result.scores) return;
  click_best.add(result.scores->click_best);
  click_chosen.add(result.scores->click_chosen);
  click_single.add(result.scores->click_single);
  after_3.add(result.scores->after_3());
  after_5.add(result.scores->after_5());
  box.add(result.scores->box);
}

SideSummary AccuracyResults::summarize(std::size_t side) const {
  SideSummary summary;
  std::vector<double> ious;
  std::vector<std::pair<const ImageResult*, std::size_t>> places;
  for (const ImageResult& image : images) {
    for (std::size_t i = 0; i < image.prompts.size(); ++i) {
      const MaskResult& result = image.prompts[i].sides[side];
      summary.all.add(result);
      if (image.prompts[i].core) summary.core.add(result);
      summary.empty_pairs += result.both_empty ? 1 : 0;
      if (!result.with_reference) continue;
      ious.push_back(*result.with_reference);
      places.emplace_back(&image, i);
    }
  }
  if (ious.empty()) return summary;
  summary.reference = summarize_ious(ious);
  summary.worst_image = places[summary.reference.worst].first->name;
  summary.worst_prompt = places[summary.reference.worst].second;
  return summary;
}

std::optional<FloodSummary> AccuracyResults::summarize_flood(bool core_only) const {
  std::vector<Mean> means(flood_tolerances().size());
  for (const ImageResult& image : images) {
    for (const PromptResult& prompt : image.prompts) {
      if (core_only && !prompt.core) continue;
      for (std::size_t i = 0; i < prompt.flood.size(); ++i) means[i].add(prompt.flood[i]);
    }
  }
  const auto best = std::max_element(means.begin(), means.end(), [](const Mean& a, const Mean& b) {
    return a.value() < b.value();
  });
  if (best->count() == 0) return std::nullopt;
  return FloodSummary{flood_tolerances()[static_cast<std::size_t>(best - means.begin())],
                      best->value(), best->count()};
}

bool AccuracyResults::has_core() const {
  for (const ImageResult& image : images) {
    for (const PromptResult& prompt : image.prompts) {
      if (!prompt.core) return true;
    }
  }
  return false;
}

bool AccuracyResults::has_evidence() const {
  for (const ImageResult& image : images) {
    for (const PromptResult& prompt : image.prompts) {
      if (lowest_iou(prompt)) return true;
    }
  }
  return false;
}

std::optional<double> lowest_iou(const PromptResult& prompt) {
  std::optional<double> with_reference;
  std::optional<double> with_truth;
  const auto lower = [](std::optional<double>* lowest, const std::optional<double>& iou) {
    if (iou) *lowest = std::min(lowest->value_or(*iou), *iou);
  };
  for (const MaskResult& result : prompt.sides) {
    lower(&with_reference, result.with_reference);
    lower(&with_truth, result.with_truth);
  }
  return with_reference ? with_reference : with_truth;
}

bool is_worse(const PromptResult& a, const PromptResult& b) {
  const std::optional<double> iou = lowest_iou(a);
  const std::optional<double> other = lowest_iou(b);
  return iou && (!other || *iou < *other);
}

std::size_t worst_prompt(const ImageResult& image) {
  std::size_t worst = 0;
  for (std::size_t i = 1; i < image.prompts.size(); ++i) {
    if (is_worse(image.prompts[i], image.prompts[worst])) worst = i;
  }
  return worst;
}

}  // namespace lasso
