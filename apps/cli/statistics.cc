#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lasso::cli {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

Statistics summarize(std::vector<double> samples) {
  Statistics statistics;
  if (samples.empty()) return statistics;
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  statistics.runs = n;
  statistics.median = n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
  const auto rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(n)));
  statistics.p95 = samples[rank - 1];
  statistics.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(n);
  statistics.min = samples.front();
  return statistics;
}

bool repeat(const Plan& plan, const std::function<void(bool measured)>& once) {
  const auto start = std::chrono::steady_clock::now();
  const auto expired = [&] { return milliseconds_since(start) > plan.limit_s * 1000; };
  for (int i = 0; i < plan.warm_up && !expired(); ++i) once(false);
  for (int i = 0; i < plan.iterations; ++i) {
    if (i > 0 && expired()) return false;
    once(true);
  }
  return true;
}

}  // namespace lasso::cli
