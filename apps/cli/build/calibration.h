// `lasso build` by calibration: its options and pictures.
#ifndef LASSO_CLI_BUILD_CALIBRATION_H_
#define LASSO_CLI_BUILD_CALIBRATION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/parser.h"
#include "common/pictures.h"
#include "lasso/calibration.h"

namespace lasso::app {

struct CalibrationArguments {
  std::optional<std::string> folder;  // --calibrate; empty: random pictures
  std::string min_iou;                // as it was given; empty: the default
  std::string min_map;                // the same
  std::string range;                  // the same
  int images = 32;
  int seed = 1;
  bool sensitivity = false;
  const CLI::App* app = nullptr;  // which has the options

  // The options of calibration on the command line, by name, after parsing.
  std::vector<std::string> given() const;
  // Whether a build in that precision (empty: fp32) measures what it makes. Throws Failure(kUsage)
  // for options that it has no use for.
  bool wanted(const std::string& precision) const;
};
void add_calibration_options(CLI::App* app, CalibrationArguments* arguments);
// Those of the pictures alone; `use` says in the help what the images are for, with a colon before
// it.
void add_calibration_pictures(CLI::App* app, CalibrationArguments* arguments,
                              const std::string& use);

// The pictures that the arguments name, or random ones, which is said in a warning. Options refer
// to it. Throws Failure(kUsage) for a folder without images.
class CalibrationPictures {
 public:
  explicit CalibrationPictures(const CalibrationArguments& arguments);
  CalibrationPictures(const CalibrationPictures&) = delete;
  CalibrationPictures& operator=(const CalibrationPictures&) = delete;

  const CalibrationOptions& options() const { return options_; }
  // Warns of pictures that were not used, where `used` others were.
  void warn_of(const std::vector<std::string>& skipped, std::size_t used) const;

 private:
  std::string folder_;  // empty: random pictures
  PictureReader reader_;
  CalibrationOptions options_;
};

// Calibrates, with progress on standard error. Throws Failure(kUsage) for a folder without images.
// What the images lack is told in warnings.
Calibrated run_calibration(const std::string& model, const lasso::EngineOptions& options,
                           const CalibrationArguments& arguments);

}  // namespace lasso::app

#endif  // LASSO_CLI_BUILD_CALIBRATION_H_
