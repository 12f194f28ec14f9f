#include "quant/search.h"

#include <algorithm>

namespace lasso::quant {

std::optional<int> least_that_reaches(int count, const std::function<bool(int)>& reaches) {
  int below = -1;  // the greatest that is known not to reach
  int candidate = 0;
  while (!reaches(candidate)) {
    if (candidate >= count) return std::nullopt;
    below = candidate;
    candidate = std::min(std::max(1, 2 * candidate), count);
  }
  while (candidate - below > 1) {
    const int middle = below + (candidate - below) / 2;
    (reaches(middle) ? candidate : below) = middle;
  }
  return candidate;
}

}  // namespace lasso::quant
