// Scales of what the encoder's linear layers read, for models that compute them in 8 bits.
#ifndef LASSO_MODELS_SAM_CALIBRATE_ACTIVATION_SCALES_H_
#define LASSO_MODELS_SAM_CALIBRATE_ACTIVATION_SCALES_H_

#include <map>
#include <string>
#include <vector>

#include "engine/compile/compile.h"
#include "image/preprocess.h"
#include "lasso/calibration.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "quant/observe.h"

namespace lasso::sam {

// The scale s with the least sum of (s round(x / s) - x)^2 over the observed rows, round(x / s)
// clamped to [-128, 127], among those from max|x| / 127 down to a tenth of it; 1 for zeros.
float activation_scale(const quant::InputObserver& input);

struct ScalesOfLayers {
  std::map<std::string, float> scales;  // by the names of the layers' weights
  std::vector<std::string> skipped;     // pictures, "NAME: why"
};

// Runs the fp32 model on the pictures that options.images and options.seed choose. Throws what
// gather_pictures() throws, and kUnsupported where a layer reads what is not finite.
ScalesOfLayers activation_scales(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                                 const engine::CompileOptions& compile,
                                 const CalibrationOptions& options);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_ACTIVATION_SCALES_H_
