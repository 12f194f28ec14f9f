// Finding and opening the model that a subcommand runs.
#ifndef LASSO_CLI_MODEL_MODEL_H_
#define LASSO_CLI_MODEL_MODEL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/options.h"
#include "lasso/engine.h"
#include "lasso/error.h"

namespace lasso::app {

// The file that --model names, or the demo checkpoint, which is said in a warning. Throws
// Failure(kBadModel) when there is none, with where it was looked for.
std::string find_model(const std::string& model);
// The same of detectors.
std::string find_detector(const std::string& model);

// Whether the file is an ONNX model; false for one that can't be read.
bool is_onnx_file(const std::string& path);

// Where an engine comes from.
struct EngineSource {
  std::string path{};  // of the model, with which messages about it begin; empty: made in memory
  Stage stage = Stage::kModel;
  std::string config{};  // the file of --config
  // With which messages begin that are about pictures and the model's other files, on which the
  // model is at fault, too.
  std::vector<std::string> others{};
};
// Runs `open`, which builds or loads an engine, and turns the library's errors into the statuses
// for models. What is wrong with the file of --config is wrong usage, and what is not the model's
// fault is the machine's: no such GPU, or one that lacks what is asked for.
lasso::Engine open_engine(const std::function<lasso::Engine()>& open, const EngineSource& source);
// The same for what opens a model in another way.
void open_model_file(const std::function<void()>& open, const EngineSource& source);

// The same with the device of an engine file where none is asked for.
RunOptions with_device_of(const std::string& path, const RunOptions& run);

// The options of the library for a model. Throws Failure(kUsage) for a cap on instructions that is
// of another kind of device.
lasso::EngineOptions model_options(const ModelOptions& model, const RunOptions& run);

struct OpenModel {
  lasso::Engine engine;
  std::string path;
  double load_ms = 0;  // to read and compile
};

OpenModel open_model(const ModelOptions& model, const RunOptions& run);
// The same for what a Segmenter runs. Throws Failure(kBadModel) for a model of another family.
OpenModel open_sam(const ModelOptions& model, const RunOptions& run);

// Returns f(), which runs a model and reads nothing else: a broken file is the model's, which was
// cut short while in use. Throws Failure(kBadModel) for that.
template <typename F>
auto with_model(F&& f) {
  try {
    return f();
  } catch (const lasso::Error& error) {
    if (error.code() != ErrorCode::kCorruptFile) throw;
    throw Failure(Exit::kBadModel, error.what());
  }
}

// In place of a file: "random:vit_b", "random:yolov7" and others, random weights that are made in
// memory.
bool is_random(const std::string& file);
std::string random_name(const std::string& arch);
// Throws Failure(kUsage) for an architecture that does not exist.
void check_random(const std::string& file);
// Of the weights in fp32.
std::uint64_t random_weight_bytes(const std::string& file);
OpenModel open_random(const std::string& file, const lasso::EngineOptions& options);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_MODEL_H_
