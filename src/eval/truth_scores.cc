#include "eval/truth_scores.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "lasso/clicks.h"

namespace lasso {

namespace {

// Logits of mask k of an answer.
std::vector<float> logits_of(const Segmentation& answer, std::size_t k) {
  const std::size_t size = answer.low_res_logits.size() / answer.masks.size();
  const auto begin = answer.low_res_logits.begin() + static_cast<std::ptrdiff_t>(k * size);
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

std::vector<TruthScores> score_objects(const Embedding& embedding, const std::vector<Mask>& truths,
                                       const std::vector<Point>& first_clicks,
                                       Segmenter* segmenter) {
  const std::size_t count = truths.size();
  std::vector<TruthScores> scores(count);
  std::vector<Prompt> prompts(count);
  std::vector<Mask> shown(count);  // what somebody who clicks has before them

  for (std::size_t i = 0; i < count; ++i) prompts[i].points = {first_clicks[i]};
  const std::vector<Segmentation> single = segmenter->segment(embedding, prompts);
  for (lasso::Prompt& prompt : prompts) prompt.multimask = true;
  std::vector<Segmentation> three = segmenter->segment(embedding, prompts);
  for (lasso::Prompt& prompt : prompts) prompt.multimask = false;
  for (std::size_t i = 0; i < count; ++i) {
    scores[i].click_single = mask_iou(single[i].masks.front(), truths[i]);
    for (const Mask& mask : three[i].masks) {
      scores[i].click_best = std::max(scores[i].click_best, mask_iou(mask, truths[i]));
    }
    const std::size_t best = three[i].best();
    scores[i].click_chosen = mask_iou(three[i].masks[best], truths[i]);
    prompts[i].mask_input = logits_of(three[i], best);
    shown[i] = std::move(three[i].masks[best]);
  }

  for (std::size_t step = 0; step < scores.front().clicks.size(); ++step) {
    for (std::size_t i = 0; i < count; ++i) {
      prompts[i].points.push_back(next_click(shown[i], truths[i]));
    }
    std::vector<Segmentation> answers = segmenter->segment(embedding, prompts);
    for (std::size_t i = 0; i < count; ++i) {
      scores[i].clicks[step] = mask_iou(answers[i].masks.front(), truths[i]);
      prompts[i].mask_input = std::move(answers[i].low_res_logits);
      shown[i] = std::move(answers[i].masks.front());
    }
  }

  std::vector<Prompt> boxes(count);
  for (std::size_t i = 0; i < count; ++i) boxes[i].box = prompt_box(truths[i]);
  const std::vector<Segmentation> answers = segmenter->segment(embedding, boxes);
  for (std::size_t i = 0; i < count; ++i) {
    scores[i].box = mask_iou(answers[i].masks.front(), truths[i]);
  }
  return scores;
}

}  // namespace lasso
