// Where calibration points: at what the fp32 model takes for objects.
#ifndef LASSO_MODELS_SAM_CALIBRATION_PROMPTS_H_
#define LASSO_MODELS_SAM_CALIBRATION_PROMPTS_H_

#include <cstdint>
#include <vector>

#include "lasso/context.h"
#include "lasso/types.h"
#include "models/sam/predictor.h"

namespace lasso::sam {

// Points strictly inside of an image of that size, spread evenly: the R2 sequence (Roberts 2018),
// a golden-ratio sequence in two dimensions, from a random start.
std::vector<Prompt> spread_points(int width, int height, int count, std::uint64_t seed);

// Of `candidates` at most `count` whose masks differ and of which the model is surest: the best
// predicted IoU times stability (the IoU of the masks at thresholds 1 and -1), without those that
// overlap a better one by an IoU above 0.7, as SAM's automatic mask generator chooses. A point on
// nothing has a mask that any rounding changes: it would measure the point, not the rounding.
std::vector<Prompt> distinct_prompts(Predictor& predictor, const Embedding& embedding,
                                     const std::vector<Prompt>& candidates, int count);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATION_PROMPTS_H_
