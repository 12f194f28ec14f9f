#include "lasso/calibration.h"

#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/guard.h"
#include "models/sam/calibrate.h"

namespace lasso {

Calibrated calibrate(const std::string& path, const EngineOptions& options,
                     const CalibrationOptions& calibration) {
  return guarded([&] {
    const EngineSettings settings(options);
    const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path, options.config_path);
    check_memory(path, "calibration", sam::calibration_memory(checkpoint, calibration),
                 options.memory_limit);
    sam::CalibratedModel calibrated = sam::calibrate_model(
        checkpoint, settings.preprocess, settings.measured(), settings.precision, calibration);
    Calibrated result;
    if (calibrated.report.accepted) {
      calibrated.model.precision = to_string(settings.precision);
      result.engine = Access::construct<Engine>(make_engine(std::move(calibrated.model)));
    }
    result.report = std::move(calibrated.report);
    return result;
  });
}

}  // namespace lasso
