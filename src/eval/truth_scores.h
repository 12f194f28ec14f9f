// How well a model finds known objects from clicks and boxes.
#ifndef LASSO_EVAL_TRUTH_SCORES_H_
#define LASSO_EVAL_TRUTH_SCORES_H_

#include <array>
#include <vector>

#include "lasso/mask.h"
#include "lasso/segmenter.h"

namespace lasso {

// IoUs with the truth of one object.
struct TruthScores {
  double click_best = 0;    // one click: the best of the three masks, by the truth
  double click_chosen = 0;  // that of the three which the model itself thinks best
  double click_single = 0;  // the single mask
  // After 2, 3, 4 and 5 clicks: each further one where the mask is wrong most (next_click), with
  // the logits of the mask before as mask input, single mask. What the first click passes on is the
  // mask that the model thinks best.
  std::array<double, 4> clicks{};
  double box = 0;  // the truth's box (prompt_box), single mask

  double after_3() const { return clicks[1]; }
  double after_5() const { return clicks[3]; }
};

// Scores of several objects of one image, whose steps go through the decoder together.
std::vector<TruthScores> score_objects(const Embedding& embedding, const std::vector<Mask>& truths,
                                       const std::vector<Point>& first_clicks,
                                       Segmenter* segmenter);

}  // namespace lasso

#endif  // LASSO_EVAL_TRUTH_SCORES_H_
