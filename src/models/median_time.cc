#include "models/median_time.h"

#include <algorithm>
#include <cstddef>

namespace lasso {

double median_time(const std::vector<double>& ms) {
  if (ms.empty()) return 0;
  std::vector<double> sorted(ms.begin() + (ms.size() > 1 ? 1 : 0), ms.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace lasso
