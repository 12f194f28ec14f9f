#include "eval/iou_statistics.h"

#include <algorithm>
#include <cmath>

namespace lasso {

double percentile(std::vector<double> values, double percent) {
  const auto n = static_cast<double>(values.size());
  const auto rank = std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(percent * n / 100)),
                                            1, values.size());
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

IouStatistics summarize_ious(const std::vector<double>& values) {
  IouStatistics statistics;
  if (values.empty()) return statistics;
  statistics.count = values.size();
  const auto lowest = std::min_element(values.begin(), values.end());
  statistics.minimum = *lowest;
  statistics.worst = static_cast<std::size_t>(lowest - values.begin());
  statistics.percentile_1 = percentile(values, 1);
  Mean mean;
  for (const double value : values) mean.add(value);
  statistics.mean = mean.value();
  return statistics;
}

}  // namespace lasso
