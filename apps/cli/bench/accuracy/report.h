// The results of `lasso bench accuracy` as text, JSON and CSV.
#ifndef LASSO_CLI_BENCH_ACCURACY_REPORT_H_
#define LASSO_CLI_BENCH_ACCURACY_REPORT_H_

#include <string>
#include <vector>

#include "cli/bench/report/report.h"
#include "eval/accuracy_results.h"

namespace lasso::app {

// IoUs that candidates' masks must have with the reference's; negative: no limit.
struct IouLimits {
  double mean = -1;
  double lowest = -1;  // of every mask
  bool any() const { return mean >= 0 || lowest >= 0; }
  bool missed_by(const SideSummary& summary) const {
    // Without any IoU both figures are 0.
    return summary.reference.mean < mean || summary.reference.minimum < lowest;
  }
};

// IoUs with the reference, where there is one, and with the truth, where it is known. Candidates
// that miss a limit are marked.
std::vector<ReportTable> report_tables(const AccuracyResults& results, const IouLimits& limits);

// An IoU with six digits, as agreement is close to 1. Only two equal masks have 1.000000: one pixel
// among millions counts.
std::string agreement_text(double iou);

// The reference and the candidates: files, precisions, devices.
ReportTable models_table(const AccuracyResults& results);

// What was measured on, in one line.
std::string describe_set(const AccuracyResults& results);

OrderedJson to_json(const AccuracyResults& results);
// A line per prompt and side, below a line of names.
std::string to_csv(const AccuracyResults& results);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_REPORT_H_
