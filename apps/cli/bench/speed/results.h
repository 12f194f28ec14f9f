// What `lasso bench speed` has measured.
#ifndef LASSO_CLI_BENCH_SPEED_RESULTS_H_
#define LASSO_CLI_BENCH_SPEED_RESULTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/speed/layers.h"
#include "cli/model/machine.h"
#include "cli/model/statistics.h"
#include "common/json_text.h"

namespace lasso::app {

// Of one call.
inline constexpr int kMostImages = 256;
inline constexpr int kMostPrompts = 4096;

// One of the things that are timed apart.
struct SpeedStage {
  enum class Kind { kEncode, kDecode, kEndToEnd, kRun, kNetwork, kDetect, kFileToBoxes };
  Kind kind = Kind::kEncode;
  int count = 1;  // of one call: images for kEncode, prompts for kDecode

  std::string key() const;  // in JSON: "encode", "encode_8", "decode_16", "end_to_end", "run", ...
  std::string title() const;  // "Decoder, 16 prompts"

  // Frames per second: images for the encoder, calls for the rest.
  double fps(double ms) const;
};

// Encoder for each number of images, decoder for each number of prompts, end to end.
std::vector<SpeedStage> speed_stages(const std::vector<std::int64_t>& image_counts,
                                     const std::vector<std::int64_t>& prompt_counts);

// Of a detector: its network alone, an image to boxes, a file to boxes.
std::vector<SpeedStage> detect_stages();

// Times of one stage. Imported ones may lack all but the mean.
struct StageTimes {
  double mean_ms = 0;
  std::optional<double> median_ms;
  std::optional<double> p95_ms;
  std::optional<double> min_ms;
  std::size_t runs = 0;  // 0: not known
  int warm_up_runs = 0;
  bool complete = true;  // as many runs as were asked for
  std::vector<double> samples_ms;
  // What the runs consisted of, or did besides: "preprocess", "postprocess", ..., with mean times.
  std::vector<std::pair<std::string, double>> parts_ms;
};

// How often single layers are run, where stages are as the plan says: each run has a time for every
// layer, and what is looked for in them needs few.
Plan layer_plan(const Plan& plan);

StageTimes times_of(std::vector<double> samples_ms);

// A candidate, or another system whose times were imported.
struct SpeedRow {
  std::string name;
  bool imported = false;
  OrderedJson info = OrderedJson::object();  // of a candidate: file, variant, model, isa, ...
  std::map<std::string, StageTimes> stages;  // by key
  std::map<std::string, double> gflop;       // of a stage's call, where it is known
  std::uint64_t peak_rss_bytes = 0;          // 0: not known
  std::vector<GpuState> gpu_states;          // right after each run on a GPU
  double peak_gflop_per_s = 0;    // of the machine, for its precision and instructions; 0: none
  std::vector<LayerTime> layers;  // medians, in the order of execution; empty: not measured
  int layer_runs = 0;

  // The machine's rate for factors of this precision with the instructions, or on the GPU, of the
  // candidate; 0: none.
  double peak_of(const Machine& machine, const std::string& precision) const;

  // By the median.
  std::optional<double> gflop_per_s(const std::string& stage) const;
  std::optional<double> peak_percent(const std::string& stage) const;
};

// A candidate that could not be measured, or not to the end.
struct SpeedFailure {
  std::string name;
  std::string message;
};

struct SpeedResults {
  Machine machine;
  bool tensors = false;  // rather than an image
  std::string image;     // empty: made up
  int width = 0;
  int height = 0;
  Plan plan;
  bool interleaved = true;
  std::string order_reason;  // why not interleaved
  std::vector<SpeedStage> stages;
  std::vector<SpeedRow> rows;  // the imported one first
  std::vector<SpeedFailure> failures;

  int threads() const;  // of every candidate
  // The first row that has times for the stage: the others are compared with it.
  const StageTimes* first(const SpeedStage& stage) const;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_RESULTS_H_
