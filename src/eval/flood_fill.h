// The baseline of evaluation: what a colour alone would find.
#ifndef LASSO_EVAL_FLOOD_FILL_H_
#define LASSO_EVAL_FLOOD_FILL_H_

#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso {

// The pixels that are 4-connected to the point's through pixels none of whose channels differs from
// it by more than the tolerance. The image is RGB, and the point lies in it.
Mask flood_fill(const Image& image, const Point& point, int tolerance);

}  // namespace lasso

#endif  // LASSO_EVAL_FLOOD_FILL_H_
