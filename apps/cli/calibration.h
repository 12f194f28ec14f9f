// `lasso build` by calibration: its options, and what it tells.
#ifndef LASSO_CLI_CALIBRATION_H_
#define LASSO_CLI_CALIBRATION_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "lasso/calibration.h"
#include "options.h"
#include "prompts.h"

namespace lasso::cli {

struct CalibrationArguments {
  std::optional<std::string> folder;  // --calibrate; empty: random pictures
  std::string min_iou;                // as it was given; empty: the default
  int images = 32;
  int seed = 1;
  bool sensitivity = false;

  // Whether a build in that precision measures what it makes. Others need no images.
  bool wanted(const std::string& precision) const;
};
void add_calibration_options(CLI::App* app, CalibrationArguments* arguments);

// Calibrates, with progress on standard error. Throws Failure(kUsage) for a folder without images.
// What the images lack is told in warnings.
Calibrated run_calibration(const std::string& model, const lasso::EngineOptions& options,
                           const CalibrationArguments& arguments);

void print_calibration(const CalibrationReport& report);
Json accuracy_json(const AccuracyRecord& accuracy);
Json calibration_json(const CalibrationReport& report);

// "mean IoU 0.9868 on 16 images, and --min-iou is 0.99"
std::string refusal(const CalibrationReport& report);

}  // namespace lasso::cli

#endif  // LASSO_CLI_CALIBRATION_H_
