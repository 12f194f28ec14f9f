// The results of `lasso bench speed` as one HTML file that needs no other.
#ifndef LASSO_CLI_BENCH_SPEED_HTML_H_
#define LASSO_CLI_BENCH_SPEED_HTML_H_

#include <string>

#include "cli/bench/speed/results.h"

namespace lasso::app {

// `made`: date and time.
std::string to_html(const SpeedResults& results, const std::string& made);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_HTML_H_
