// Is a caller's mask what it says?
#ifndef LASSO_IMAGE_MASK_MASK_CHECK_H_
#define LASSO_IMAGE_MASK_MASK_CHECK_H_

#include <cstddef>

#include "lasso/mask.h"

namespace lasso {

inline bool is_complete(const Mask& mask) noexcept {
  return mask.width >= 0 && mask.height >= 0 &&
         mask.data.size() ==
             static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height);
}

// Throws kInvalidArgument unless there are width * height values.
void check_mask(const Mask& mask);

}  // namespace lasso

#endif  // LASSO_IMAGE_MASK_MASK_CHECK_H_
