// The exact Euclidean distance transform.
#ifndef LASSO_IMAGE_MASK_DISTANCE_H_
#define LASSO_IMAGE_MASK_DISTANCE_H_

#include <cstdint>
#include <vector>

#include "lasso/mask.h"

namespace lasso {

// For every pixel the square of the Euclidean distance to the nearest pixel outside the mask, 0 for
// those outside; what lies beyond the image is outside. After Felzenszwalb and Huttenlocher,
// "Distance transforms of sampled functions" (2012): the lower envelope of parabolas, first along
// columns, then along rows.
std::vector<std::int64_t> squared_distances(const Mask& mask);

}  // namespace lasso

#endif  // LASSO_IMAGE_MASK_DISTANCE_H_
