// The results of `lasso bench speed` as tables and JSON.
#ifndef LASSO_CLI_BENCH_SPEED_REPORT_H_
#define LASSO_CLI_BENCH_SPEED_REPORT_H_

#include <string>
#include <vector>

#include "cli/bench/report/report.h"
#include "cli/bench/speed/results.h"

namespace lasso::app {

// "12.34" or "2277": as many digits as a time is good for.
std::string milliseconds_text(double ms);

// Machine, picture, order and number of runs, one line each.
std::vector<std::string> describe_run(const SpeedResults& results);

// The candidates; then one for each stage, and one for what a run from end to end consists of.
ReportTable candidate_table(const SpeedResults& results);
std::vector<ReportTable> stage_tables(const SpeedResults& results);
ReportTable part_table(const SpeedResults& results);

// What stands below the tables: fewer runs than asked for. Empty if there is nothing to say.
std::string runs_note(const SpeedResults& results);

// Every single time, and every single layer, only with `samples`.
OrderedJson to_json(const SpeedResults& results, bool samples);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_REPORT_H_
