#include "cli/model/statistics.h"

#include <algorithm>
#include <numeric>

#include "eval/iou_statistics.h"

namespace lasso::app {

Statistics summarize(std::vector<double> samples) {
  Statistics statistics;
  if (samples.empty()) return statistics;
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  statistics.runs = n;
  statistics.median = n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
  statistics.p95 = percentile(samples, 95);
  statistics.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(n);
  statistics.min = samples.front();
  return statistics;
}

Schedule::Next Schedule::next() const {
  const double limit_ms = plan_.limit_s * 1000;
  // Once measuring has begun, there is no way back.
  const bool warm = warm_up_runs_ == 0 || spent_ms_ <= limit_ms / 6;
  if (runs_ == 0 && warm_up_runs_ < plan_.warm_up && warm) return Next::kWarmUp;
  const bool measure = runs_ == 0 || spent_ms_ <= limit_ms;
  return runs_ < plan_.iterations && measure ? Next::kMeasure : Next::kDone;
}

void Schedule::ran(double ms) {
  ++(next() == Next::kWarmUp ? warm_up_runs_ : runs_);
  spent_ms_ += ms;
}

}  // namespace lasso::app
