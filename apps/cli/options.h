// Options that several subcommands share.
#ifndef LASSO_CLI_OPTIONS_H_
#define LASSO_CLI_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/parser.h"
#include "lasso/engine.h"

namespace lasso::app {

// What a subcommand's options decide to run; empty until one is chosen.
using Action = std::function<Exit()>;

// How to say things, the same for every subcommand.
struct OutputOptions {
  bool json = false;
  bool verbose = false;
  bool quiet = false;
};
void add_output_options(CLI::App* app, OutputOptions* options, const std::string& json_help);
// Sets up the console. Comes before everything that calls the library, and so refuses a CPU that
// the library's code can't run on (status 4).
void begin(const OutputOptions& options);

// How to run: device, precision, threads, instruction set, kernels.
struct RunOptions {
  std::string device;     // empty: what an engine file is for, else the CPU
  std::string precision;  // empty: fp32, or what an engine file was built in
  int threads = 0;        // 0: MachineInfo::threads
  std::string isa;        // empty: the best that the device has
  bool tf32 = false;
  bool synchronous = false;
  std::int64_t device_memory_limit = 0;  // MiB of each GPU; 0: none
  std::string kernels = "fast";
  std::string runtime = "lasso";
  std::string provider;  // of another runtime; empty: as the device

  bool on_gpu() const { return device.rfind("cuda", 0) == 0; }
  lasso::Kernels kernel_choice() const {
    return kernels == "reference" ? lasso::Kernels::kReference : lasso::Kernels::kFast;
  }
};
// With `variants` also --isa and --kernels. With `devices`, --device may be given twice, and they
// go there.
void add_run_options(CLI::App* app, RunOptions* options, bool variants,
                     std::vector<std::string>* devices = nullptr);
// --runtime and --provider, for commands that run models on named tensors.
void add_runtime_options(CLI::App* app, RunOptions* options);
// Throws Failure(kUsage) for a provider of Lasso's own runtime.
void check_provider(const RunOptions& options);
// --provider alone, where a variant says the runtime.
void add_provider_option(CLI::App* app, RunOptions* options);
// Refuses what this release or machine lacks with status 4, and caps the instruction set.
void apply(const RunOptions& options);
// What --runtime takes.
std::vector<std::string> all_runtimes();
// What --precision takes.
const std::vector<std::string>& precision_names();
// Throws Failure unless options.precision is one of `known`.
void check_precision(const RunOptions& options, const std::vector<std::string>& known);
// The instruction sets that --isa and LASSO_MAX_ISA take, the lowest first.
const std::vector<std::string>& isa_names();
// The cap that engines are opened with: the lower one of what the environment variable
// LASSO_MAX_ISA says and what cap_isa() was told. Empty: none.
std::string isa_cap();
// Lowers the cap for this process and the children that it forks.
void cap_isa(const std::string& isa);

// Which model, and how it is prepared.
struct ModelOptions {
  std::string model;  // empty: the demo checkpoint
  std::string preprocess;
  std::string config;
  std::string fixed_inputs;              // an .npz
  std::vector<std::string> fixed_sizes;  // "NAME=N"
  std::vector<std::string> profiles;     // "NAME=MIN:OPT:MAX"
  bool verify = false;                   // an engine file's weights
};
void add_model_option(CLI::App* app, ModelOptions* options);
// --preprocess and --config
void add_checkpoint_options(CLI::App* app, ModelOptions* options);
// Those, and --fixed-inputs, --fixed-size and --profile.
void add_description_options(CLI::App* app, ModelOptions* options);
// --verify, for commands that take an engine file.
void add_verify_option(CLI::App* app, ModelOptions* options);

// What most subcommands take.
struct CommonArguments {
  ModelOptions model;
  RunOptions run;
  OutputOptions output;
};
// --preprocess, --config, --verify, and the options of running and of output.
void add_common_options(CLI::App* app, CommonArguments* arguments, bool variants,
                        const std::string& json_help, std::vector<std::string>* devices = nullptr);

// Calls `parsed` once the subcommand is chosen and its options are read.
void on_parsed(CLI::App* app, std::function<void()> parsed);
// Then: sets up the console and makes run(*arguments) the action.
template <typename Arguments>
void set_action(CLI::App* app, const std::shared_ptr<Arguments>& arguments,
                Exit (*run)(const Arguments&), Action* action) {
  on_parsed(app, [=] {
    begin(arguments->output);
    *action = [=] { return run(*arguments); };
  });
}

// --candidate, for commands that measure several models.
void add_candidates(CLI::App* app, std::vector<std::string>* candidates, const std::string& group);

// A number with its limits; the help says the default.
void add_integer(CLI::App* app, const std::string& name, std::int64_t* value, std::int64_t min,
                 std::int64_t max, const std::string& description, const std::string& group,
                 const std::string& placeholder = "N");
void add_integer(CLI::App* app, const std::string& name, int* value, int min, int max,
                 const std::string& description, const std::string& group,
                 const std::string& placeholder = "N");
// The heading over the options of output, and --help.
inline constexpr const char* kOutputGroup = "Messages";
// A check for CLI11: an empty value is most likely a script's variable that is not set.
std::string not_empty(const std::string& text);
// A value that may be given once, and is not empty.
CLI::Option* add_text(CLI::App* app, const std::string& name, std::string* value,
                      const std::string& placeholder, const std::string& description,
                      const std::string& group);
CLI::Option* add_switch(CLI::App* app, const std::string& name, bool* value,
                        const std::string& description, const std::string& group);

}  // namespace lasso::app

#endif  // LASSO_CLI_OPTIONS_H_
