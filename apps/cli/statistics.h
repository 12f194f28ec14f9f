// Repeated measurements.
#ifndef LASSO_CLI_STATISTICS_H_
#define LASSO_CLI_STATISTICS_H_

#include <chrono>
#include <functional>
#include <vector>

namespace lasso::cli {

double milliseconds_since(std::chrono::steady_clock::time_point start);

struct Statistics {
  std::size_t runs = 0;
  double median = 0;
  double p95 = 0;  // nearest rank
  double mean = 0;
  double min = 0;
};

Statistics summarize(std::vector<double> samples);

struct Plan {
  int warm_up = 1;
  int iterations = 5;
  double limit_s = 60;  // no further run begins after so many seconds; one is always measured
};

// Calls `once` warm_up times, then iterations times; `once` keeps its own samples if told so.
// Returns false if time ran out before all iterations were done.
bool repeat(const Plan& plan, const std::function<void(bool measured)>& once);

}  // namespace lasso::cli

#endif  // LASSO_CLI_STATISTICS_H_
