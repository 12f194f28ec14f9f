// A model that runs on named tensors, on Lasso or another runtime.
#ifndef LASSO_CLI_MODEL_TENSOR_MODEL_H_
#define LASSO_CLI_MODEL_TENSOR_MODEL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/model/model.h"
#include "cli/options.h"
#include "lasso/model_runner.h"
#include "lasso/runner.h"

namespace lasso::app {

// A program of an open model.
struct TensorModel {
  std::optional<OpenModel> model;             // of Lasso's own runtime alone
  std::unique_ptr<lasso::ModelRunner> owned;  // a Runner of Lasso's own runtime
  std::string path;
  std::string name;     // of the model: "SAM ViT-B", "main_graph"
  std::string program;  // "main" of an ONNX model
  double load_ms = 0;

  lasso::ModelRunner& runner() const { return *owned; }
  // Null on another runtime.
  lasso::Runner* lasso() const;
};

// A program that is asked for.
struct ProgramChoice {
  std::string name;         // empty: the only one
  bool if_several = false;  // it is for models of several programs: others run their only one
};
// The program that is asked for, or the only one. Throws Failure(kUsage), naming the model's.
std::string choose_program(const std::string& file, const ProgramChoice& program,
                           const EngineInfo& info);

// Opens model.model as run.runtime says, to run `program`. On other runtimes than Lasso's
// `more_outputs` become outputs, too, and inputs that
// model.fixed_inputs gives are hidden. Throws Failure for options that a runtime does not take.
TensorModel open_tensor_model(const ModelOptions& model, const RunOptions& run,
                              const ProgramChoice& program,
                              const std::vector<std::string>& more_outputs = {});
// The same for a model that Lasso has open.
TensorModel make_tensor_model(OpenModel model, const RunOptions& run, const ProgramChoice& program);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_TENSOR_MODEL_H_
