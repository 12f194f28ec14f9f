// The measurement of `lasso bench speed`: candidates in child processes, one of which runs at a
// time.
#ifndef LASSO_CLI_BENCH_SPEED_RUN_H_
#define LASSO_CLI_BENCH_SPEED_RUN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/speed/results.h"
#include "cli/model/argument_shapes.h"
#include "cli/model/operand.h"
#include "cli/model/tensor_model.h"
#include "cli/options.h"

namespace lasso::app {

struct SpeedTask {
  std::vector<Operand> candidates;
  std::optional<SpeedRow> baseline;
  bool tensors = false;  // a program on tensors, in place of images
  bool detect = false;   // images through detectors
  ProgramChoice program = {};
  SymbolSizes sizes = {};                  // of the tensors
  std::string image;                       // empty: one that is made up
  std::vector<std::int64_t> image_counts;  // of one call of the encoder
  std::vector<std::int64_t> prompt_counts;
  Plan plan;
  bool sequential = false;       // even where the candidates fit in memory together
  bool layers = false;           // also time single layers, after the rest
  std::function<void()> loaded;  // called when the first models are there
  ModelOptions model;            // but for the file
  RunOptions run;
};

// Where a candidate fails after times of others, or of its own, are known, these are returned with
// the failure. Throws it where there are none.
SpeedResults measure_speed(const SpeedTask& task);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_RUN_H_
