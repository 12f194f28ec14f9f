// Running `lasso bench accuracy`: every image through every side, one image at a time.
#ifndef LASSO_CLI_BENCH_ACCURACY_RUN_H_
#define LASSO_CLI_BENCH_ACCURACY_RUN_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/accuracy/pictures.h"
#include "cli/model/operand.h"
#include "cli/options.h"
#include "common/pictures.h"
#include "eval/accuracy_results.h"
#include "eval/draw_prompts.h"
#include "eval/evaluation_set.h"

namespace lasso::app {

struct AccuracyTask {
  AccuracySet set;
  DrawOptions draw;
  std::optional<Operand> reference;  // a model
  std::string reference_masks;       // or a dump, whose prompts the set's images have
  std::vector<Operand> candidates;
  bool flood_fill = false;
  RangeChoice range;     // of the images' values
  std::string pictures;  // folder for PNG files of each image's worst prompt; empty: none
  std::size_t cases = 100;
  std::function<void()> loaded;  // called once all models are there
  ModelOptions model;            // but for the file
  RunOptions run;
};

struct AccuracyOutcome {
  AccuracyResults results;
  std::vector<AccuracyCase> cases;  // the worst, one per image
  std::optional<ValueRange> range;  // that the images were read in
};

// Names on standard error each image that can't be measured, and goes on.
AccuracyOutcome measure_accuracy(const AccuracyTask& task);

// The prompts of all images, as JSON lines; fills in `failed` with the number of images that can't
// be read.
std::string draw_all_prompts(const AccuracySet& set, const DrawOptions& draw, std::size_t* failed);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_RUN_H_
