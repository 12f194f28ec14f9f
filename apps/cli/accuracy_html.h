// The results of `lasso bench accuracy` as one HTML file that needs no other.
#ifndef LASSO_CLI_ACCURACY_HTML_H_
#define LASSO_CLI_ACCURACY_HTML_H_

#include <string>
#include <vector>

#include "accuracy_pictures.h"
#include "accuracy_report.h"
#include "accuracy_results.h"

namespace lasso::cli {

// What stands at the top besides the tables.
struct HtmlHead {
  std::string model;
  std::string made;    // date and time
  std::string passed;  // "" without a limit
  bool missed = false;
};

// `scratch` is the name of a file that may be written and is removed. Images that can't be read any
// more have no picture.
std::string to_html(const AccuracyResults& results, const std::vector<ReportTable>& tables,
                    const std::vector<AccuracyCase>& cases, const HtmlHead& head,
                    const std::string& scratch);

}  // namespace lasso::cli

#endif  // LASSO_CLI_ACCURACY_HTML_H_
