// Detectors of the commands that run them.
#ifndef LASSO_CLI_MODEL_DETECTOR_MODEL_H_
#define LASSO_CLI_MODEL_DETECTOR_MODEL_H_

#include <string>
#include <vector>

#include "cli/model/model.h"
#include "cli/model/operand.h"
#include "lasso/detector.h"

namespace lasso::app {

// Throws Failure(kBadModel) for a model that is no detector, and Failure(kUsage) for options that
// do not fit the model.
Detector make_detector(const OpenModel& model, const DetectorOptions& options);

// Opens the file as `run`, which apply_variant() returned, says. Throws Failure(kUnsupported) for
// another runtime than Lasso, and Failure(kUsage) for a model in parts.
OpenModel open_detector_operand(const Operand& operand, const ModelOptions& model,
                                const RunOptions& run);

// The names of the classes where the user gives none: the model's, or COCO's where it has none and
// as many classes. Empty: none are known.
std::vector<std::string> default_class_names(const std::vector<std::string>& of_model, int classes);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_DETECTOR_MODEL_H_
