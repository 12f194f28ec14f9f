// Where calibration points: at what the fp32 model takes for objects.
#ifndef LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_PROMPTS_H_
#define LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_PROMPTS_H_

#include <cstdint>
#include <vector>

#include "lasso/mask.h"
#include "lasso/segmenter.h"
#include "lasso/types.h"
#include "models/sam/run/predictor.h"

namespace lasso::sam {

// Points strictly inside of an image of that size, spread evenly: the R2 sequence (Roberts 2018),
// a golden-ratio sequence in two dimensions, from a random start.
std::vector<Prompt> spread_points(int width, int height, int count, std::uint64_t seed);

// Points that look for objects, for each prompt that is drawn.
inline constexpr int kTriesPerPrompt = 4;

// At most `count` prompts for one image, at least one, as somebody would click at what is there:
// objects are the fp32 model's masks of 4 * count spread points, where masks that overlap by an IoU
// above 0.7 are one object, and those that the model is less than half sure of (predicted IoU times
// stability) are none; `count` objects are drawn, and for each 1 to 5 random clicks on its mask
// (lasso/clicks.h). Among objects it does not matter how sure the model is: its surest masks are
// those that rounding changes least.
std::vector<Prompt> drawn_prompts(Predictor& predictor, const Embedding& embedding, int count,
                                  std::uint64_t seed);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_PROMPTS_H_
