// What a candidate's process times: pictures and prompts on Lasso, or tensors on any runtime.
#ifndef LASSO_CLI_BENCH_SPEED_RUNTIME_H_
#define LASSO_CLI_BENCH_SPEED_RUNTIME_H_

#include <memory>
#include <string>

#include "cli/bench/speed/side.h"
#include "cli/model/operand.h"
#include "lasso/engine.h"
#include "lasso/image.h"

namespace lasso::app {

// Each call does the work once and returns milliseconds by part; "ms" is what the stage is about,
// measured by the runtime itself.
class SpeedRuntime {
 public:
  virtual ~SpeedRuntime() = default;

  // See SpeedSide::load().
  virtual OrderedJson info() const = 0;
  virtual OrderedJson encode(int images) = 0;   // the image encoder, one call
  virtual OrderedJson decode(int prompts) = 0;  // prompt encoder and mask decoder, one call
  virtual OrderedJson end_to_end() = 0;         // from the image's file to one mask of its size
  virtual OrderedJson run() = 0;                // a program on tensors
  // Of a detector: an image, and the part of it that the network takes alone.
  virtual OrderedJson detect();
  virtual OrderedJson network();
  // What the GPU does that it runs on, as JSON; null on the CPU.
  virtual OrderedJson gpu_state() = 0;
  // See SpeedSide::run_layers().
  virtual OrderedJson layers() = 0;
};

// The image in a file, and how long reading it took; load_picture() has said its warnings.
struct TimedImage {
  Image image;
  double read_ms = 0;
};
TimedImage read_timed(const std::string& path);

// SpeedRuntime::gpu_state() of an engine.
OrderedJson gpu_state_json(const EngineInfo& info);

// What stands in SpeedRuntime::info() of a model that runs on pictures. Settings of another runtime
// stand in place of the engine's device and precision.
OrderedJson engine_json(const Operand& operand, const RunOptions& run, const OpenModel& model,
                        int threads, const Image& image);

// Loads the model and the image, or the tensors where these are asked for.
std::unique_ptr<SpeedRuntime> make_runtime(const Operand& operand, const SpeedSetup& setup);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_RUNTIME_H_
