// Calibration: which layers of a model may run in int8, or in fp16 on a GPU, measured in masks or
// boxes.
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
  // Of SAM. Each for another object, fewer where the fp32 model sees fewer: 1 to 5 points at random
  // inside of its mask of that object.
  int prompts_per_image = 16;
  // Images among those that choose which measure the sensitivity of single layers.
  int ranking_images = 4;
  // Of SAM: the mean IoU that the engine's masks must have with those of the fp32 engine, in
  // (0, 1]. None: 0.99.
  std::optional<double> min_iou = std::nullopt;
  // Of a detector: the mean average precision that its boxes must have where those of the fp32
  // engine are taken for the truth (AgreementMeasure::kBoxPrecision), in (0, 1]. None: 0.99 with
  // Precision::kAuto, and with others whatever they have, which the engine records.
  std::optional<double> min_map = std::nullopt;
  // Measures the sensitivities with Precision::kAuto even where all layers in the lowest precision
  // reach what is asked for.
  bool always_rank = false;
  int seed = 1;  // for which images, which points, and random pictures; not negative
  // Called before each step of the work, from the calling thread: what, and how much of it is done.
  std::function<void(const std::string& stage, int done, int total)> progress;
};

// A layer that may be lowered, in the model's order: a linear layer of SAM's image encoder, or a
// convolution of a detector that does not read the image and whose result another layer reads.
struct CalibratedLayer {
  std::string name;  // of its weights
  // Its share of all multiply-adds in linear layers of the encoder, or in convolutions.
  double work = 0;
  Precision precision = Precision::kFp32;
  // 1 - mean agreement where this layer alone is in CalibrationReport::lowest; none if it was not
  // measured.
  std::optional<double> loss;
  // Of SAM: the exponent that balances activations and weights (SmoothQuant's alpha); 0: not
  // smoothed.
  double smoothing = 0;
  // Of a detector in int8: what the layer reads between these is told apart by 8 bits.
  double input_low = 0;
  double input_high = 0;
  // What int8 costs the layer on the calibration's images; 0 where int8 was not wanted. Of SAM
  // |y' - y|^2 / |y|^2 of its output, with smoothing and without; of a detector |x' - x|^2 / |x|^2
  // of what it reads, with this range and with the range from the least to the greatest number.
  double error = 0;
  double plain_error = 0;
};

// One engine that was tried, measured on the images that choose.
struct PrecisionTrial {
  int int8_layers = 0;
  int fp16_layers = 0;
  int bf16_layers = 0;
  int fp32_layers = 0;
  // Of all else that may be lowered, together: attention, neck and decoder, or a detector's other
  // layers; or kBf16, kFp16.
  Precision rest = Precision::kFp32;
  double int8_work = 0;  // share of the multiply-adds, as of CalibratedLayer::work
  double fp16_work = 0;  // likewise
  // As in AccuracyRecord.
  double mean = 0;
  double lowest = 0;
  double standard_error = 0;
  int without_evidence = 0;
  double run_ms = 0;  // median time to encode an image, or to run a detector's network
  bool chosen = false;
};

struct CalibrationReport {
  Precision precision = Precision::kFp32;  // what was asked for
  // What was asked for, or the first that kAuto tries: kInt8 on a CPU, kFp16 on a GPU.
  Precision lowest = Precision::kFp32;
  // What was asked for was reached on images that did not choose; never where nothing can be
  // compared. Where nothing was asked for (CalibrationOptions::min_map), always.
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

// Builds the model in `path`, a checkpoint of SAM or a detector (a checkpoint of YOLOv7, or an ONNX
// model that a Detector runs), in options.precision: with kAuto all linear layers of the image
// encoder's blocks, or a detector's convolutions, are in int8, on a GPU in fp16 or bf16, but for
// the most sensitive ones, as many as it takes to reach min_iou or min_map. In int8, outliers of
// SAM's activations are smoothed into the weights; a detector's convolutions get the ranges of what
// they read. The report says what was tried; without acceptance there is no engine, as where
// nothing is found in any image. The same seed, images and threads give the same engine. Throws
// what Engine::build throws, kUnsupported for any other model, kInvalidArgument for options out of
// their range or of the other kind of models and for fewer than four images that can be used, and
// kOutOfMemory where all this takes more than options.memory_limit.
LASSO_EXPORT Calibrated calibrate(const std::string& path, const EngineOptions& options,
                                  const CalibrationOptions& calibration);

}  // namespace lasso

#endif  // LASSO_CALIBRATION_H_
