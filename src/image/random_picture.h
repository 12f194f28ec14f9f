// Pictures of nothing in particular, for calibration where there are no images.
#ifndef LASSO_IMAGE_RANDOM_PICTURE_H_
#define LASSO_IMAGE_RANDOM_PICTURE_H_

#include <cstdint>

#include "lasso/image.h"

namespace lasso {

// A background and about a dozen shapes before one another, each with a gradient and stripes, and
// noise over all. The same for the same arguments on any machine.
Image random_picture(int width, int height, std::uint64_t seed);

}  // namespace lasso

#endif  // LASSO_IMAGE_RANDOM_PICTURE_H_
