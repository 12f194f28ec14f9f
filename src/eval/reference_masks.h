// Masks of another program, to be compared with.
#ifndef LASSO_EVAL_REFERENCE_MASKS_H_
#define LASSO_EVAL_REFERENCE_MASKS_H_

#include <cstddef>
#include <vector>

#include "eval/evaluation_set.h"
#include "lasso/mask.h"

namespace lasso {

// The masks of a dump (AccuracyImage::reference_masks), one for each prompt: a .npy array of shape
// [prompts, height, width], bool or uint8 (not 0 is inside), or float32 logits (above 0 is inside).
// Throws kNotFound; kCorruptFile for a damaged file and another shape; kUnsupported for elements of
// another type.
std::vector<Mask> read_reference_masks(const AccuracyImage& image, int width, int height,
                                       std::size_t prompts);

}  // namespace lasso

#endif  // LASSO_EVAL_REFERENCE_MASKS_H_
