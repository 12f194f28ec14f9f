// Counting values that are not finite.
#ifndef LASSO_CORE_FINITE_H_
#define LASSO_CORE_FINITE_H_

#include <cstddef>

#include "core/dtype.h"

namespace lasso {

// How many of `count` values, which may lie unaligned, are infinite or no numbers. Of float64 also
// those that float32, in which everything is computed, can't hold. 0 for integers.
std::size_t count_not_finite(DType dtype, const void* values, std::size_t count);
std::size_t count_not_finite(const float* values, std::size_t count);

}  // namespace lasso

#endif  // LASSO_CORE_FINITE_H_
