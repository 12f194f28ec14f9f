// The pictures that calibration runs on.
#ifndef LASSO_MODELS_CALIBRATION_SET_H_
#define LASSO_MODELS_CALIBRATION_SET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lasso/calibration.h"
#include "lasso/image.h"
#include "lasso/types.h"

namespace lasso {

struct CalibrationPicture {
  std::string name;
  Image image;
  std::vector<Prompt> prompts;  // of SAM: none yet, see sam/calibrate/calibration_prompts.h
};

// No picture is in both parts, nor is one that has the same pixels.
struct CalibrationSet {
  std::vector<CalibrationPicture> choosing;
  std::vector<CalibrationPicture> accepting;
  std::vector<std::string> skipped;  // "NAME: why"
  bool random = false;
};

// What a model keeps of an image.
using ReduceImage = std::function<Image(const Image&)>;

// How many pictures there will be at most.
std::int64_t picture_count(const CalibrationOptions& options);

// Draws options.count images in an order that the seed decides, and keeps of each what `reduce`
// returns; where there are none, random ones of a square of `side` pixels. Throws kInvalidArgument
// for options out of their range and for fewer than four images that can be used.
CalibrationSet gather_pictures(const CalibrationOptions& options, int side,
                               const ReduceImage& reduce);

// In RGB; those that are larger than a square of `side` pixels are resized to it, as SAM's
// preprocessing would.
Image reduced_to_square(const Image& image, int side);

}  // namespace lasso

#endif  // LASSO_MODELS_CALIBRATION_SET_H_
