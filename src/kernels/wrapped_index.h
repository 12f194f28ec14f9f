// How an index of a graph's value is read.
#ifndef LASSO_KERNELS_WRAPPED_INDEX_H_
#define LASSO_KERNELS_WRAPPED_INDEX_H_

#include <cstdint>

namespace lasso::kernels {

// The nearest of `count` positions, which are one at least.
constexpr std::int64_t clamped_index(std::int64_t index, std::int64_t count) {
  if (index < 0) return 0;
  return index < count ? index : count - 1;
}

// The same where an index below 0 counts from the end.
constexpr std::int64_t wrapped_index(std::int64_t index, std::int64_t count) {
  return clamped_index(index < 0 ? index + count : index, count);
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_WRAPPED_INDEX_H_
