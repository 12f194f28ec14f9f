// `lasso bench accuracy --detect`: what a detector's boxes are worth.
#ifndef LASSO_CLI_BENCH_ACCURACY_DETECT_ACCURACY_H_
#define LASSO_CLI_BENCH_ACCURACY_DETECT_ACCURACY_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/model/operand.h"
#include "cli/options.h"
#include "common/json_text.h"
#include "common/pictures.h"
#include "eval/box_agreement.h"
#include "eval/coco_truth.h"
#include "metrics/mean_precision.h"

namespace lasso::app {

struct DetectAccuracyTask {
  std::string folder;               // of the images
  std::vector<std::string> images;  // files beneath it; with a truth, its images in their order
  std::string annotations;          // the file of the truth; empty: none
  std::optional<CocoTruth> truth;
  std::optional<Operand> reference;
  std::vector<Operand> candidates;
  RangeChoice range;
  std::function<void()> loaded;  // called once all models are there
  ModelOptions model;            // but for the file
  RunOptions run;
};

struct DetectSideResult {
  std::string label;
  bool is_reference = false;
  OrderedJson info;
  std::optional<MeanPrecision> precision;  // with a truth
  std::optional<BoxAgreement> agreement;   // of a candidate with the reference
};

struct DetectAccuracyResults {
  std::string folder;
  std::size_t images = 0;               // that were measured
  std::vector<std::string> failures;    // images that were not
  std::vector<std::string> categories;  // of the truth
  std::vector<DetectSideResult> sides;  // the reference first

  // Whether anything was found, or was there to be found.
  bool has_evidence() const;
};

// Names on standard error each image that can't be measured, and goes on. Throws Failure(kUsage)
// where the truth has no category that a model has a class for.
DetectAccuracyResults measure_detectors(const DetectAccuracyTask& task);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_DETECT_ACCURACY_H_
