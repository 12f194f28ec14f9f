// Elapsed time.
#ifndef LASSO_CORE_STOPWATCH_H_
#define LASSO_CORE_STOPWATCH_H_

#include <chrono>

namespace lasso {

// Runs from its construction, or from the last restart.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double milliseconds() const { return 1e3 * seconds(); }
  void restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace lasso

#endif  // LASSO_CORE_STOPWATCH_H_
