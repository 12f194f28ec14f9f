#include "lasso/calibration.h"

#include <utility>

#include "api/engine_impl.h"
#include "api/profiles.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "models/detector/calibrate/calibrate.h"
#include "models/sam/calibrate/calibrate.h"
#include "models/sam/family.h"
#include "models/sam/model_file.h"

namespace lasso {

namespace {

Engine engine_of(Model model) { return Access::construct<Engine>(make_engine(std::move(model))); }

Calibrated calibrate_sam(const ModelSource& source, const EngineSettings& settings,
                         const CalibrationOptions& calibration) {
  LASSO_CHECK(!calibration.min_map, ErrorCode::kInvalidArgument,
              "{}: min_map is asked for, which boxes of detectors have; SAM's masks have min_iou",
              source.path());
  const sam::SamCheckpoint checkpoint =
      sam::checkpoint_of(source, settings.describe, "calibration");
  check_memory(source.path(), "calibration", sam::calibration_memory(checkpoint, calibration),
               settings.options.memory_limit);
  sam::CalibratedModel calibrated =
      sam::calibrate_model(checkpoint, sam::preprocess_of(settings.describe), settings.measured(),
                           settings.precision, calibration);
  Calibrated result;
  if (calibrated.report.accepted) {
    calibrated.model.precision = to_string(settings.precision);
    engine::LoadedEngine compiled;
    compiled.model = sam::record_of(calibrated.model);
    compiled.module = calibrated.model.module;
    result.engine = engine_of(make_model(sam::family(), std::move(compiled), source.path()));
  }
  result.report = std::move(calibrated.report);
  return result;
}

Calibrated calibrate_detector(const Family& family, const ModelSource& source,
                              const EngineSettings& settings,
                              const CalibrationOptions& calibration) {
  LASSO_CHECK(!calibration.min_iou, ErrorCode::kInvalidArgument,
              "{}: min_iou is asked for, which SAM's masks have; boxes of detectors have min_map",
              source.path());
  const auto description = family.describe(source, settings.describe);
  detector::DetectorSource model{&family, description->record(), description->programs(),
                                 source.path()};
  model.record.precision = to_string(settings.precision);
  apply_profiles(settings.options.profiles, model.module);
  check_memory(source.path(), "calibration",
               description->build_memory(false) + detector::calibration_memory(model, calibration),
               settings.options.memory_limit);
  detector::CalibratedDetector calibrated =
      detector::calibrate_detector(model, settings.measured(), settings.precision, calibration);
  Calibrated result;
  if (calibrated.report.accepted) result.engine = engine_of(std::move(calibrated.model));
  result.report = std::move(calibrated.report);
  return result;
}

}  // namespace

Calibrated calibrate(const std::string& path, const EngineOptions& options,
                     const CalibrationOptions& calibration) {
  return guarded([&] {
    const EngineSettings settings(options);
    const ModelSource source(path);
    const Family& family = recognise(source);
    return &family == &sam::family() ? calibrate_sam(source, settings, calibration)
                                     : calibrate_detector(family, source, settings, calibration);
  });
}

}  // namespace lasso
