// Finding and opening the model that a subcommand runs.
#ifndef LASSO_CLI_MODEL_H_
#define LASSO_CLI_MODEL_H_

#include <filesystem>
#include <string>
#include <vector>

#include "lasso/engine.h"
#include "options.h"

namespace lasso::cli {

// Folders with demo checkpoints and the evaluation set, the most specific first; they need not
// exist.
std::vector<std::filesystem::path> model_folders();

// The file that --model names, or the demo checkpoint, which is said in a warning. Throws
// Failure(kBadModel) when there is none, with where it was looked for.
std::string find_model(const std::string& model);

// Runs `open`, which builds an engine, and turns the library's errors into the statuses for models.
lasso::Engine open_engine(const std::function<lasso::Engine()>& open, Stage stage = Stage::kModel);

// The options of the library for a model.
lasso::EngineOptions model_options(const ModelOptions& model, const RunOptions& run);

struct OpenModel {
  lasso::Engine engine;
  std::string path;
  double load_ms = 0;  // to read and compile
};

OpenModel open_model(const ModelOptions& model, const RunOptions& run);
// The same for what a Segmenter runs. Throws Failure(kBadModel) for a model of another family.
OpenModel open_sam(const ModelOptions& model, const RunOptions& run);

// vit_b, vit_l or vit_h with random weights.
OpenModel open_random(const std::string& arch, const lasso::EngineOptions& options);

}  // namespace lasso::cli

#endif  // LASSO_CLI_MODEL_H_
