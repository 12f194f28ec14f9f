// Calibration: which layers of a model may run in int8, or in fp16 on a GPU, measured in masks.
#ifndef LASSO_CALIBRATION_H_
#define LASSO_CALIBRATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lasso/engine.h"
#include "lasso/export.h"
#include "lasso/image.h"

namespace lasso {

struct CalibrationOptions {
  // Files, or other names that `read` understands. Their order does not matter but for the seed's
  // sake. Empty: random pictures.
  std::vector<std::string> images;
  // Reads an image. Default: read_image.
  std::function<Image(const std::string&)> read;
  // Images to use, at least 4: the odd ones choose, the others accept. All, where there are fewer.
  int count = 32;
  // Each for another object, fewer where the fp32 model sees fewer: 1 to 5 points at random inside
  // of its mask of that object.
  int prompts_per_image = 16;
  // Images among those that choose which measure the sensitivity of single layers.
  int ranking_images = 4;
  // The mean IoU that the engine's masks must have with those of the fp32 engine, in (0, 1].
  double min_iou = 0.99;
  // Measures the sensitivities with Precision::kAuto even where all layers in the lowest precision
  // reach min_iou.
  bool always_rank = false;
  int seed = 1;  // for which images, which points, and random pictures; not negative
  // Called before each step of the work, from the calling thread: what, and how much of it is done.
  std::function<void(const std::string& stage, int done, int total)> progress;
};

// A linear layer of the image encoder that may be lowered, in the encoder's order.
struct CalibratedLayer {
  std::string name;  // of its weights
  double work = 0;   // its share of all multiply-adds in linear layers of the encoder
  Precision precision = Precision::kFp32;
  // 1 - mean IoU where this layer alone is in CalibrationReport::lowest; none if it was not
  // measured.
  std::optional<double> iou_loss;
  // The exponent that balances activations and weights (SmoothQuant's alpha); 0: not smoothed.
  double smoothing = 0;
  // |y' - y|^2 / |y|^2 of the layer's output in int8 on the calibration's tokens, with smoothing
  // and without. 0 where int8 was not wanted.
  double error = 0;
  double plain_error = 0;
};

// One engine that was tried, measured on the images that choose.
struct PrecisionTrial {
  int int8_layers = 0;
  int fp16_layers = 0;
  int bf16_layers = 0;
  int fp32_layers = 0;
  Precision rest = Precision::kFp32;  // of attention, neck and decoder together; or kBf16, kFp16
  double int8_work = 0;               // share of the multiply-adds in linear layers of the encoder
  double fp16_work = 0;               // likewise
  double mean_iou = 0;
  double lowest_iou = 0;
  double standard_error = 0;  // of mean_iou, from the means of the images
  int empty_pairs = 0;        // as in AccuracyRecord
  double encode_ms = 0;       // median
  bool chosen = false;
};

struct CalibrationReport {
  Precision precision = Precision::kFp32;  // what was asked for
  // What was asked for, or the first that kAuto tries: kInt8 on a CPU, kFp16 on a GPU.
  Precision lowest = Precision::kFp32;
  // min_iou was reached on images that did not choose; never where no mask can be compared.
  bool accepted = false;
  AccuracyRecord accuracy;  // on these
  std::vector<CalibratedLayer> layers;
  std::vector<PrecisionTrial> trials;  // the most layers in int8, or fp16, first
  std::vector<std::string> choosing_images;
  std::vector<std::string> accepting_images;
  std::vector<std::string> skipped;  // images that can't be used: "NAME: why"
};

struct Calibrated {
  std::optional<Engine> engine;  // none if it was not accepted
  CalibrationReport report;
};

// Builds the checkpoint in `path` in options.precision: with kAuto all linear layers of the image
// encoder's blocks are in int8, on a GPU in fp16 or bf16, but for the most sensitive ones, as many
// as it takes to reach min_iou. In int8, outliers of the activations are smoothed into the weights.
// The report says what was tried; without acceptance there is no engine, as where all masks of both
// engines are empty. The same seed, images and threads give the same engine. Throws what
// Engine::build throws, kUnsupported for a model of another family than "sam", kInvalidArgument for
// options out of their range and for fewer than four images that can be used, and kOutOfMemory
// where all this takes more than options.memory_limit.
LASSO_EXPORT Calibrated calibrate(const std::string& path, const EngineOptions& options,
                                  const CalibrationOptions& calibration);

}  // namespace lasso

#endif  // LASSO_CALIBRATION_H_
