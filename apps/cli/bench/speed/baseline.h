// Times of another system for `lasso bench speed --baseline`. docs/performance.md has the format.
#ifndef LASSO_CLI_BENCH_SPEED_BASELINE_H_
#define LASSO_CLI_BENCH_SPEED_BASELINE_H_

#include <string>

#include "cli/bench/speed/results.h"

namespace lasso::app {

// The file may also be a report's results.json or a record of bench/history, of which the first
// candidate is taken. Throws Failure(kUsage) that names the file and what is wrong with it.
SpeedRow read_baseline(const std::string& path);

// The same from the file's text.
SpeedRow parse_baseline(const std::string& text, const std::string& path);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_BASELINE_H_
