#include "cli/model/tensor_model.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/model/fixed_inputs.h"
#include "cli/model/other_runtime.h"
#include "cli/values.h"
#include "common/model_files.h"
#include "core/stopwatch.h"
#include "lasso/runtime.h"

namespace lasso::app {

namespace {

// Other runtimes have neither Lasso's kernels nor its models.
void refuse_options(const ModelOptions& model, const RunOptions& run,
                    const ProgramChoice& program) {
  refuse_kernel_options(run);
  struct Option {
    bool given;
    const char* name;
  };
  const std::array<Option, 4> options = {
      {{!model.preprocess.empty(), "--preprocess"},
       {!model.config.empty(), "--config"},
       {model.verify, "--verify"},
       {!program.name.empty() && !program.if_several, "--program"}}};
  for (const Option& option : options) {
    if (option.given) {
      usage_error("{}: is for Lasso's own runtime, and the runtime is {}", option.name,
                  run.runtime);
    }
  }
}

std::map<std::string, lasso::HostTensor> load_fixed(const std::string& path) {
  if (path.empty()) return {};
  return for_option("--fixed-inputs", [&] { return lasso::load_npz(path); });
}

TensorModel open_on_runtime(const ModelOptions& model, const RunOptions& run,
                            const ProgramChoice& program,
                            const std::vector<std::string>& more_outputs) {
  refuse_options(model, run, program);
  TensorModel open;
  open.path = find_model(model.model);
  open.name = "ONNX model";
  open.program = "main";
  lasso::RuntimeOptions options;
  options.runtime = run.runtime;
  options.provider = provider_of(run);
  options.threads = run.threads;
  options.more_outputs = more_outputs;
  const Progress progress(fmt::format("loading {}", open.path));
  const Stopwatch watch;
  open_model_file([&] { open.owned = lasso::open_runtime(open.path, options); }, {open.path});
  open.load_ms = watch.milliseconds();
  try {
    open.owned = with_fixed_inputs(std::move(open.owned), load_fixed(model.fixed_inputs));
  } catch (const lasso::Error& error) {
    usage_error("--fixed-inputs {}: {}", model.fixed_inputs, error.what());
  }
  return open;
}

}  // namespace

lasso::Runner* TensorModel::lasso() const { return dynamic_cast<lasso::Runner*>(owned.get()); }

std::string choose_program(const std::string& file, const ProgramChoice& program,
                           const EngineInfo& info) {
  std::vector<std::string> names;
  for (const ProgramInfo& known : info.programs) names.push_back(known.name);
  if (program.if_several && names.size() == 1) return names.front();
  if (!program.name.empty()) return parse_choice("--program", program.name, names);
  if (names.size() > 1) {
    usage_error("{}: has {} programs; choose with --program among {}", file, names.size(),
                join_choices(names));
  }
  return names.front();
}

TensorModel open_tensor_model(const ModelOptions& model, const RunOptions& run,
                              const ProgramChoice& program,
                              const std::vector<std::string>& more_outputs) {
  if (run.runtime != "lasso") return open_on_runtime(model, run, program, more_outputs);
  return make_tensor_model(open_model(model, run), run, program);
}

TensorModel make_tensor_model(OpenModel model, const RunOptions& run,
                              const ProgramChoice& program) {
  TensorModel open;
  open.path = model.path;
  open.name = model.engine.info().model;
  open.load_ms = model.load_ms;
  open.program = choose_program(model.path, program, model.engine.info());
  open.owned = std::make_unique<lasso::Runner>(model.engine,
                                               lasso::RunnerOptions{open.program, run.threads});
  open.model = std::move(model);
  return open;
}

}  // namespace lasso::app
