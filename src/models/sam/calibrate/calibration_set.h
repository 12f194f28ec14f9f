// The pictures that calibration runs on.
#ifndef LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_SET_H_
#define LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_SET_H_

#include <string>
#include <vector>

#include "lasso/calibration.h"
#include "lasso/image.h"
#include "lasso/types.h"

namespace lasso::sam {

struct CalibrationPicture {
  std::string name;
  Image image;
  std::vector<Prompt> prompts;  // none yet: see calibration_prompts.h
};

// No picture is in both parts, nor is one that has the same pixels.
struct CalibrationSet {
  std::vector<CalibrationPicture> choosing;
  std::vector<CalibrationPicture> accepting;
  std::vector<std::string> skipped;  // "NAME: why"
  bool random = false;
};

// Draws options.count images in an order that the seed decides, and reduces those that are larger
// than the model's square to it, as its preprocessing would. Throws kInvalidArgument for options
// out of their range and for fewer than four images that can be used.
CalibrationSet gather_pictures(const CalibrationOptions& options, int image_size);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_CALIBRATION_SET_H_
