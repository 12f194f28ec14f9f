// Repeated measurements.
#ifndef LASSO_CLI_MODEL_STATISTICS_H_
#define LASSO_CLI_MODEL_STATISTICS_H_

#include <cstddef>
#include <vector>

namespace lasso::app {

struct Statistics {
  std::size_t runs = 0;
  double median = 0;
  double p95 = 0;  // nearest rank
  double mean = 0;
  double min = 0;
};

Statistics summarize(std::vector<double> samples);

struct Plan {
  int warm_up = 5;      // runs that do not count, before those that do
  int iterations = 50;  // runs that count
  double limit_s = 60;  // for both together
};

// What the next run of a measurement is for. No run begins after the limit, and no warm-up run
// after a sixth of it, but one of each kind is always done. Time is told, not looked at.
class Schedule {
 public:
  explicit Schedule(const Plan& plan) : plan_(plan) {}

  enum class Next { kWarmUp, kMeasure, kDone };
  Next next() const;
  void ran(double ms);  // that which next() said, in so much time

  int warm_up_runs() const { return warm_up_runs_; }
  bool complete() const { return runs_ == plan_.iterations; }

 private:
  Plan plan_;
  int warm_up_runs_ = 0;
  int runs_ = 0;
  double spent_ms_ = 0;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_STATISTICS_H_
