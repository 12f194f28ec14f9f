// Choosing the precision of every layer of a SAM model by the masks that come out.
#ifndef LASSO_MODELS_SAM_CALIBRATE_CALIBRATE_H_
#define LASSO_MODELS_SAM_CALIBRATE_CALIBRATE_H_

#include <cstdint>

#include "engine/compile/compile.h"
#include "lasso/calibration.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/model.h"

namespace lasso::sam {

struct CalibratedModel {
  SamModel model;  // the chosen one, accepted or not; its caller names its precision
  CalibrationReport report;
};

// An upper estimate of the resident memory, in bytes, of a process that has resident what this one
// has and calibrates: the fp32 engine, the pictures, what the engine works in, and what its layers
// see.
std::uint64_t calibration_memory(const SamCheckpoint& checkpoint,
                                 const CalibrationOptions& options);

// See lasso::calibrate. `compile` says for which instruction set and with how many threads; its
// precision plan is not read.
CalibratedModel calibrate_model(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                                const engine::CompileOptions& compile, Precision precision,
                                const CalibrationOptions& options);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_CALIBRATE_H_
