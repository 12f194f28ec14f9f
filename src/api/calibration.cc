#include "lasso/calibration.h"

#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/guard.h"
#include "models/sam/calibrate/calibrate.h"
#include "models/sam/family.h"
#include "models/sam/model_file.h"

namespace lasso {

Calibrated calibrate(const std::string& path, const EngineOptions& options,
                     const CalibrationOptions& calibration) {
  return guarded([&] {
    const EngineSettings settings(options);
    const ModelSource source(path);
    const sam::SamCheckpoint checkpoint =
        sam::checkpoint_of(source, settings.describe, "calibration");
    check_memory(path, "calibration", sam::calibration_memory(checkpoint, calibration),
                 options.memory_limit);
    sam::CalibratedModel calibrated =
        sam::calibrate_model(checkpoint, sam::preprocess_of(settings.describe), settings.measured(),
                             settings.precision, calibration);
    Calibrated result;
    if (calibrated.report.accepted) {
      calibrated.model.precision = to_string(settings.precision);
      engine::LoadedEngine compiled;
      compiled.model = sam::record_of(calibrated.model);
      compiled.module = calibrated.model.module;
      result.engine = Access::construct<Engine>(
          make_engine(make_model(sam::family(), std::move(compiled), path)));
    }
    result.report = std::move(calibrated.report);
    return result;
  });
}

}  // namespace lasso
