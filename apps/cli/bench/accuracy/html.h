// The results of `lasso bench accuracy` as one HTML file that needs no other.
#ifndef LASSO_CLI_BENCH_ACCURACY_HTML_H_
#define LASSO_CLI_BENCH_ACCURACY_HTML_H_

#include <string>
#include <vector>

#include "cli/bench/accuracy/pictures.h"
#include "cli/bench/accuracy/report.h"
#include "eval/accuracy_results.h"

namespace lasso::app {

// What stands at the top besides the tables.
struct HtmlHead {
  std::string model;
  std::string made;    // date and time
  std::string passed;  // "" without a limit
  bool missed = false;
};

// The verdict on the limits; empty without any.
HtmlHead judge(const AccuracyResults& results, const IouLimits& limits);

// `scratch` is the name of a file that may be written and is removed. Images that can't be read any
// more have no picture.
std::string to_html(const AccuracyResults& results, const std::vector<ReportTable>& tables,
                    const std::vector<AccuracyCase>& cases, const HtmlHead& head,
                    const std::string& scratch);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_HTML_H_
