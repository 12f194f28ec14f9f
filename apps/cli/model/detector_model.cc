#include "cli/model/detector_model.h"

#include <fmt/format.h>

#include "cli/exit_codes.h"
#include "common/class_names.h"

namespace lasso::app {

Detector make_detector(const OpenModel& model, const DetectorOptions& options) {
  try {
    return Detector(model.engine, options);
  } catch (const lasso::Error& error) {
    const std::string message = fmt::format("{}: {}", model.path, error.what());
    if (error.code() == ErrorCode::kInvalidArgument) throw Failure(Exit::kUsage, message);
    if (error.code() == ErrorCode::kUnsupported) throw Failure(Exit::kBadModel, message);
    throw;
  }
}

OpenModel open_detector_operand(const Operand& operand, const ModelOptions& model,
                                const RunOptions& run) {
  if (run.runtime != "lasso") {
    throw Failure(Exit::kUnsupported,
                  fmt::format("{}: detectors run on Lasso's own runtime; lasso run, lasso compare "
                              "and lasso bench speed run tensors on {}",
                              operand.text(), run.runtime));
  }
  if (!operand.encoders.empty()) {
    usage_error("{}: is a SAM model in parts, and a detector is one file", operand.text());
  }
  ModelOptions options = model;
  options.model = operand.file;
  return open_model(options, run);
}

std::vector<std::string> default_class_names(const std::vector<std::string>& of_model,
                                             int classes) {
  if (!of_model.empty()) return of_model;
  const bool is_coco = static_cast<std::size_t>(classes) == coco_names().size();
  return is_coco ? coco_names() : std::vector<std::string>{};
}

}  // namespace lasso::app
