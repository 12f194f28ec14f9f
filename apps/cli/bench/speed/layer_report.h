// Times of single layers as tables, JSON and HTML.
#ifndef LASSO_CLI_BENCH_SPEED_LAYER_REPORT_H_
#define LASSO_CLI_BENCH_SPEED_LAYER_REPORT_H_

#include <string>
#include <vector>

#include "cli/bench/report/report.h"
#include "cli/bench/speed/results.h"
#include "common/json_text.h"

namespace lasso::app {

// For each candidate and stage: by kind, layers that blocks repeat, every layer. Empty without
// --layers.
std::vector<ReportTable> layer_tables(const SpeedRow& row);

// What the tables' columns are; for below them.
std::string layer_note();

// Adds "layer_runs" and "layer_kinds"; with `single` also "layers".
void add_layers(const SpeedRow& row, bool single, OrderedJson* json);

// The tables of each candidate, folded. Empty without --layers.
std::string layers_html(const SpeedResults& results);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_LAYER_REPORT_H_
