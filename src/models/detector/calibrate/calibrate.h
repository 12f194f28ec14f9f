// Choosing the precision of every convolution of a detector by the boxes that come out.
#ifndef LASSO_MODELS_DETECTOR_CALIBRATE_CALIBRATE_H_
#define LASSO_MODELS_DETECTOR_CALIBRATE_CALIBRATE_H_

#include <cstdint>
#include <string>

#include "engine/compile/compile.h"
#include "graph/graph.h"
#include "image/letterbox.h"
#include "lasso/calibration.h"
#include "lasso/image.h"
#include "models/family.h"

namespace lasso::detector {

// A model of any family that is one program and a detector.
struct DetectorSource {
  const Family* family = nullptr;
  engine::ModelRecord record;  // but for the accuracy
  graph::Module module;
  std::string name;  // in messages
};

struct CalibratedDetector {
  Model model;  // the chosen one, accepted or not
  CalibrationReport report;
};

// What the letterbox leaves of a picture that is larger than the network's input: the same pixels
// go into the network, whose letterbox then changes none of them.
Image reduced_to_network(const Image& image, const LetterboxTarget& target);

// An upper estimate of what calibration needs in memory besides what building does, in bytes: the
// values of a run, the pictures, and what layers see. Throws kUnsupported for a model that is no
// detector.
std::uint64_t calibration_memory(const DetectorSource& source, const CalibrationOptions& options);

// See lasso::calibrate. `compile` says for which instruction set and with how many threads; its
// precision plan is not read. Throws kUnsupported likewise.
CalibratedDetector calibrate_detector(const DetectorSource& source,
                                      const engine::CompileOptions& compile, Precision precision,
                                      const CalibrationOptions& options);

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_CALIBRATE_CALIBRATE_H_
