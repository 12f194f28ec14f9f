// From an image to a model's input tensor, described as data.
#ifndef LASSO_IMAGE_PREPROCESS_H_
#define LASSO_IMAGE_PREPROCESS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "image/resize.h"
#include "image/scratch.h"
#include "lasso/image.h"

namespace lasso {

// What happens to an image before the model sees it; part of a model's description and of an
// engine. The defaults are those of Meta's SamPredictor.
struct Preprocess {
  enum class Resize : std::uint8_t {
    kLongestSide,  // so that the longer side fills the square; the ratio stays
    kStretch,      // to the whole square
    kNone,         // the image keeps its size, and must fit
  };
  enum class Padding : std::uint8_t { kRightBottom, kCenter };
  enum class Scale : std::uint8_t {
    kMeanStd,  // (value - mean) / std, of values 0..255
    kMinMax,   // (value - min) / max(max - min, 1e-8) over the resized image
    kUnit,     // value / 255
  };
  // How low-resolution mask logits go back to the image's size (mask_upsample.h).
  enum class MaskResize : std::uint8_t {
    kThroughModel,   // to the model's square, cropped to the image's part, then to the image
    kProbabilities,  // their sigmoid, straight to the image
  };

  std::string name = "sam";
  Resize resize = Resize::kLongestSide;
  ResizeFilter filter = ResizeFilter::kBilinear;
  Padding padding = Padding::kRightBottom;
  float pad_value = 0.0f;  // as it stands in the tensor, after scaling
  Scale scale = Scale::kMeanStd;
  std::array<float, 3> mean{123.675f, 116.28f, 103.53f};  // R, G, B
  std::array<float, 3> std{58.395f, 57.12f, 57.375f};
  MaskResize mask_resize = MaskResize::kThroughModel;
};

// "sam": SamPredictor's. "medsam": MedSAM's: stretched to the square, min-max to [0, 1]. MedSAM
// resizes with a cubic spline after a Gaussian (scikit-image, order 3); here it is Keys' cubic
// stretched by the factor, which approximates that to about a grey level away from sharp edges.
// "efficientsam": stretched to the square and divided by 255, as the models of EfficientSAM do to
// an image of any size; these take every pixel of a smaller image from its neighbours alone, where
// this filters.
// Throws kInvalidArgument for another name, and lists these.
const Preprocess& preprocess_preset(std::string_view name);
std::vector<std::string> preprocess_presets();

// value -> (value - shift[channel]) / divisor[channel], of values 0..255.
struct ValueScale {
  std::array<float, 3> shift{};
  std::array<float, 3> divisor{};
};

// Of Scale::kMeanStd and kUnit, which don't look at the image.
ValueScale value_scale(const Preprocess& preprocess);

// Where the image's pixels lie in the model's square.
struct ResizedSize {
  int width = 0;
  int height = 0;
  int offset_x = 0;  // of the left column; the padding before it
  int offset_y = 0;
};

// Of an image of width x height in a square of `target`. Longest side: scale = target / max(width,
// height), each side is int(side * scale + 0.5) in double precision, as Meta's ResizeLongestSide,
// and at least 1. Throws kInvalidArgument for an empty image, and for Resize::kNone if it does not
// fit.
ResizedSize resized_size(const Preprocess& preprocess, int width, int height, int target);

struct ModelPoint {
  float x = 0;
  float y = 0;
};

// A point of the original image in the model's pixels: x * (resized width / width) in double
// precision, rounded to float, as Meta's apply_coords; plus the offset of the padding. (The prompt
// encoder adds the half pixel.)
ModelPoint scale_point(const ResizedSize& resized, int width, int height, float x, float y);

struct PreprocessScratch {
  ResizeScratch resize;
  Scratch<std::uint8_t> resized;  // RGB, resized height x width x 3
};

// Writes out[image_size][image_size][3] (channels last, R G B), padding included. `target` of
// resized_size() is image_size. Any pixel format and stride. Runs on the caller's OpenMP team;
// allocates nothing after an image of the same size. Returns where the image lies in the square.
ResizedSize preprocess_image(const Preprocess& preprocess, const ImageView& image, int image_size,
                             PreprocessScratch& scratch, float* out);

}  // namespace lasso

#endif  // LASSO_IMAGE_PREPROCESS_H_
