// What reports of comparisons have in common.
#ifndef LASSO_CLI_COMPARE_REPORT_PARTS_H_
#define LASSO_CLI_COMPARE_REPORT_PARTS_H_

#include <string>
#include <vector>

#include "cli/compare/criteria.h"
#include "cli/compare/difference.h"
#include "cli/table.h"
#include "common/json_text.h"

namespace lasso::app {

// A number that JSON may lack: infinities and NaN become texts. Numbers that are float32 are
// written as such.
OrderedJson number_json(double value);

OrderedJson layer_json(const LayerDifference& layer);
OrderedJson criteria_json(const Criteria& criteria);

// The table of layers or results, and a row of it; `first` is the first divergence.
Table layer_table(const char* title);
void add_row(Table* table, const LayerDifference& layer, const Criteria& criteria, bool is_missed,
             const LayerDifference* first);

// "first divergence: ..."
std::string divergence_text(const LayerDifference& layer);
// "all within the tolerance of 0.0001", or what else is asked for.
std::string agreement_text(const Criteria& criteria);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_REPORT_PARTS_H_
