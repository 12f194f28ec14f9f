// The report of `lasso bench accuracy --detect`.
#ifndef LASSO_CLI_BENCH_ACCURACY_DETECT_REPORT_H_
#define LASSO_CLI_BENCH_ACCURACY_DETECT_REPORT_H_

#include <string>

#include "cli/bench/accuracy/detect_accuracy.h"
#include "cli/exit_codes.h"

namespace lasso::app {

// Measures, and writes the report to a folder of its own in `folder`; `json`: prints it as JSON,
// `show`: opens it.
Exit report_detectors(DetectAccuracyTask task, const std::string& folder, bool json, bool show);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_DETECT_REPORT_H_
