// One candidate of `lasso bench speed`: a model in a child process that runs one thing at a time.
#ifndef LASSO_CLI_BENCH_SPEED_SIDE_H_
#define LASSO_CLI_BENCH_SPEED_SIDE_H_

#include <string>

#include "cli/bench/speed/results.h"
#include "cli/model/argument_shapes.h"
#include "cli/model/child.h"
#include "cli/model/operand.h"
#include "cli/model/tensor_model.h"
#include "cli/options.h"

namespace lasso::app {

// An upper bound of what a candidate takes, as long as masks are not much larger than 1080p.
std::uint64_t estimated_memory(const Operand& operand, std::int64_t most_prompts);

struct SpeedSetup {
  ModelOptions model;  // but for the file
  RunOptions run;
  std::string image;           // a file
  bool tensors = false;        // in place of the image
  ProgramChoice program = {};  // that runs on them
  SymbolSizes sizes = {};
  bool detect = false;  // the image goes through a detector
};

class SpeedSide {
 public:
  // Starts the child, which waits. See Child about threads.
  SpeedSide(const Operand& operand, const SpeedSetup& setup);

  // Loads model and image, and returns what is to be reported: "width" and "height" of the image,
  // "gflop" of "encode" and "decode", which is for one prompt, and the rest about the candidate. On
  // a GPU "gpu" is its name, and "tf32" says whether products in fp32 may be in TF32.
  OrderedJson load();

  // Runs a stage once: milliseconds by part. The part "ms" is the stage itself; on a GPU
  // "gpu_state" is what the GPU does right after it.
  OrderedJson run(const SpeedStage& stage);

  // Runs encoder and decoder once with every layer timed by itself, the decoder for one prompt. An
  // array in the order of execution of what layer_json() makes of each layer that is work, with
  // "stage", the key of a SpeedStage, and "ms".
  OrderedJson run_layers();

  // Of the process so far.
  std::uint64_t peak_rss_bytes();

 private:
  Child child_;
};

// What the machine can do, measured in a child process: the parent has to stay without threads.
class MachineSide {
 public:
  explicit MachineSide(int threads);

  Machine measure();
  MachineGpu measure_gpu(const std::string& device);

 private:
  Child child_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_SIDE_H_
