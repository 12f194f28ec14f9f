// Statistics of IoUs.
#ifndef LASSO_EVAL_IOU_STATISTICS_H_
#define LASSO_EVAL_IOU_STATISTICS_H_

#include <cstddef>
#include <vector>

namespace lasso {

// The nearest-rank percentile: the value at rank ceil(percent / 100 * n), at least 1, of the n
// values in ascending order. With up to 100 values the first percentile is the lowest of them.
// There must be a value.
double percentile(std::vector<double> values, double percent);

struct IouStatistics {
  std::size_t count = 0;
  double minimum = 0;
  std::size_t worst = 0;  // index of the minimum, the first among equals
  double percentile_1 = 0;
  double mean = 0;
};

IouStatistics summarize_ious(const std::vector<double>& values);

// Mean of values as they come.
class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  std::size_t count() const { return count_; }
  double value() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

}  // namespace lasso

#endif  // LASSO_EVAL_IOU_STATISTICS_H_
