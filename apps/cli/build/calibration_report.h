// What `lasso build` by calibration tells, and `lasso inspect` of a calibrated engine.
#ifndef LASSO_CLI_BUILD_CALIBRATION_REPORT_H_
#define LASSO_CLI_BUILD_CALIBRATION_REPORT_H_

#include <string>

#include "common/json_text.h"
#include "lasso/calibration.h"

namespace lasso::app {

void print_calibration(const CalibrationReport& report);
OrderedJson calibration_json(const CalibrationReport& report);

// "mean IoU 0.9868 +- 0.0012 with fp32, lowest 0.712, on 16 images, besides 2 pairs of empty
// masks", or "mAP 0.9721 +- 0.0040 with fp32, mAP@0.5 0.993, lowest 0.85, on 15 images, besides 1
// image without boxes", where `reference` is " with fp32".
std::string accuracy_text(const AccuracyRecord& accuracy, const std::string& reference);
// "; asked for 0.99", or nothing where nothing was asked for.
std::string aim_text(const AccuracyRecord& accuracy);
OrderedJson accuracy_json(const AccuracyRecord& accuracy);

// That there is nothing to compare; empty where there is.
std::string no_evidence(const CalibrationReport& report);
// "mean IoU 0.98999 on 16 images, and 0.99 is asked for": rounded down, to as many digits as it
// takes to see the difference. Or that there is nothing to compare.
std::string refusal(const CalibrationReport& report);

}  // namespace lasso::app

#endif  // LASSO_CLI_BUILD_CALIBRATION_REPORT_H_
