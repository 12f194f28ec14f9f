#include "models/sam/calibration_prompts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "core/random.h"

namespace lasso::sam {

namespace {

// As in SAM's automatic mask generator.
constexpr float kStabilityOffset = 1.0F;
constexpr double kSameMask = 0.7;

std::size_t count_above(const std::vector<float>& logits, float threshold) {
  return static_cast<std::size_t>(
      std::count_if(logits.begin(), logits.end(), [=](float x) { return x > threshold; }));
}

double certainty(const Segmentation& answer) {
  const std::size_t outer = count_above(answer.low_res_logits, -kStabilityOffset);
  if (outer == 0) return 0;
  const std::size_t inner = count_above(answer.low_res_logits, kStabilityOffset);
  return static_cast<double>(answer.iou_predictions.front()) * static_cast<double>(inner) /
         static_cast<double>(outer);
}

double low_res_iou(const Segmentation& a, const Segmentation& b) {
  std::size_t both = 0;
  std::size_t any = 0;
  for (std::size_t i = 0; i < a.low_res_logits.size(); ++i) {
    const bool in_a = a.low_res_logits[i] > 0;
    const bool in_b = b.low_res_logits[i] > 0;
    both += in_a && in_b ? 1 : 0;
    any += in_a || in_b ? 1 : 0;
  }
  return any == 0 ? 1 : static_cast<double>(both) / static_cast<double>(any);
}

}  // namespace

std::vector<Prompt> spread_points(int width, int height, int count, std::uint64_t seed) {
  // 1 / g and 1 / g^2 for the real root g of g^3 = g + 1.
  constexpr double kStepX = 0.7548776662466927;
  constexpr double kStepY = 0.5698402909980532;
  SplitMix64 random(seed);
  const double start_x = random.uniform();
  const double start_y = random.uniform();
  // Not on the border, where there is an inside.
  const auto place = [](double position, int size) {
    const double fraction = position - std::floor(position);
    const int border = size > 2 ? 1 : 0;
    const int inside = size - 2 * border;
    return static_cast<float>(
        border + std::min(inside - 1, static_cast<int>(fraction * static_cast<double>(inside))));
  };
  std::vector<Prompt> prompts(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    prompts[static_cast<std::size_t>(i)].points = {{place(start_x + i * kStepX, width),
                                                    place(start_y + i * kStepY, height),
                                                    PointLabel::kForeground}};
  }
  return prompts;
}

std::vector<Prompt> distinct_prompts(Predictor& predictor, const Embedding& embedding,
                                     const std::vector<Prompt>& candidates, int count) {
  std::vector<Segmentation> answers(candidates.size());
  SegmentOptions options;
  options.masks = false;
  predictor.segment(embedding, candidates.data(), candidates.size(), options, answers.data());
  std::vector<double> certainties;
  for (const Segmentation& answer : answers) certainties.push_back(certainty(answer));
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return certainties[a] > certainties[b]; });
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    if (kept.size() == static_cast<std::size_t>(count)) break;
    const bool is_new = std::all_of(kept.begin(), kept.end(), [&](std::size_t other) {
      return low_res_iou(answers[i], answers[other]) <= kSameMask;
    });
    if (is_new) kept.push_back(i);
  }
  std::vector<Prompt> prompts;
  for (const std::size_t i : kept) prompts.push_back(candidates[i]);
  return prompts;
}

}  // namespace lasso::sam
