#include "models/sam/calibrate/calibration_prompts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "core/random.h"
#include "lasso/clicks.h"

namespace lasso::sam {

namespace {

// As in SAM's automatic mask generator.
constexpr float kStabilityOffset = 1.0F;
constexpr double kSameMask = 0.7;

constexpr double kLeastCertainty = 0.5;  // predicted IoU times stability, of an object

constexpr int kMostPoints = 5;  // of a prompt

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

// The surest answer for each object: those that overlap a surer one are left out.
std::vector<std::size_t> distinct_objects(const std::vector<Segmentation>& answers) {
  std::vector<double> certainties;
  for (const Segmentation& answer : answers) certainties.push_back(certainty(answer));
  std::vector<std::size_t> order(answers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return certainties[a] > certainties[b]; });
  // A model that is sure of nothing has no other objects.
  const bool any_sure = !order.empty() && certainties[order.front()] >= kLeastCertainty;
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    if (certainties[i] <= 0 || (any_sure && certainties[i] < kLeastCertainty)) break;
    const bool is_new = std::all_of(kept.begin(), kept.end(), [&](std::size_t other) {
      return low_res_iou(answers[i], answers[other]) <= kSameMask;
    });
    if (is_new) kept.push_back(i);
  }
  return kept;
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

std::vector<Prompt> drawn_prompts(Predictor& predictor, const Embedding& embedding, int count,
                                  std::uint64_t seed) {
  SplitMix64 random(seed);
  const std::vector<Prompt> tries = spread_points(embedding.image_width(), embedding.image_height(),
                                                  kTriesPerPrompt * count, seed);
  std::vector<Segmentation> answers(tries.size());
  SegmentOptions options;
  options.masks = false;
  predictor.segment(embedding, tries.data(), tries.size(), options, answers.data());
  std::vector<std::size_t> objects = distinct_objects(answers);
  for (std::size_t i = objects.size(); i > 1; --i) {
    std::swap(objects[i - 1], objects[random.below(i)]);
  }
  std::vector<Prompt> prompts;
  for (const std::size_t object : objects) {
    if (prompts.size() == static_cast<std::size_t>(count)) break;
    Segmentation answer;
    predictor.segment(embedding, &tries[object], 1, {}, &answer);
    Prompt prompt;
    const int points = 1 + static_cast<int>(random.below(kMostPoints));
    prompt.points = random_clicks(answer.masks.front(), points, random.state());
    if (!prompt.points.empty()) prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) prompts.push_back(tries.front());  // nothing is seen: any point will do
  return prompts;
}

}  // namespace lasso::sam
