// The lines with which `lasso inspect` begins.
#ifndef LASSO_CLI_INSPECT_SUMMARY_H_
#define LASSO_CLI_INSPECT_SUMMARY_H_

#include <string>

#include "common/json_text.h"
#include "lasso/engine.h"

namespace lasso::app {

// "1.2 M", "345.6 k", "17 ": a unit may follow.
std::string quantity(double value);

// Prints a line: a name, which may be empty, and what it stands for.
void print_summary_row(const std::string& name, const std::string& value);

// Prints what a detector takes and gives.
void print_detector(const DetectorInfo& info);
OrderedJson detector_json(const DetectorInfo& info);

}  // namespace lasso::app

#endif  // LASSO_CLI_INSPECT_SUMMARY_H_
