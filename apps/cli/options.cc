#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/console.h"
#include "cli/values.h"
#include "lasso/machine.h"
#include "lasso/runtime.h"

namespace lasso::app {

namespace {

constexpr const char* kRunGroup = "Running";
constexpr const char* kModelGroup = "Model";

}  // namespace

std::string not_empty(const std::string& text) { return text.empty() ? "the value is empty" : ""; }

CLI::Option* add_text(CLI::App* app, const std::string& name, std::string* value,
                      const std::string& placeholder, const std::string& description,
                      const std::string& group) {
  return app->add_option(name, *value, description)
      ->type_name(placeholder)
      ->check(not_empty)
      ->group(group);
}

CLI::Option* add_switch(CLI::App* app, const std::string& name, bool* value,
                        const std::string& description, const std::string& group) {
  return app->add_flag(name, *value, description)->group(group);
}

void add_integer(CLI::App* app, const std::string& name, std::int64_t* value, std::int64_t min,
                 std::int64_t max, const std::string& description, const std::string& group,
                 const std::string& placeholder) {
  app->add_option_function<std::string>(
         name, [=](const std::string& text) { *value = parse_integer(name, text, min, max); },
         description)
      ->type_name(placeholder)
      ->group(group);
}

void add_integer(CLI::App* app, const std::string& name, int* value, int min, int max,
                 const std::string& description, const std::string& group,
                 const std::string& placeholder) {
  app->add_option_function<std::string>(
         name,
         [=](const std::string& text) {
           *value = static_cast<int>(parse_integer(name, text, min, max));
         },
         description)
      ->type_name(placeholder)
      ->group(group);
}

void add_output_options(CLI::App* app, OutputOptions* options, const std::string& json_help) {
  add_switch(app, "--json", &options->json, json_help, kOutputGroup);
  CLI::Option* verbose = add_switch(app, "-v,--verbose", &options->verbose,
                                    "Say more, on standard error.", kOutputGroup);
  add_switch(app, "-q,--quiet", &options->quiet, "Say nothing but errors (and JSON).", kOutputGroup)
      ->excludes(verbose);
}

void begin(const OutputOptions& options) {
  if (!cpu_is_supported()) {
    throw Failure(Exit::kUnsupported, "this CPU has no AVX2, FMA and BMI2, which Lasso needs");
  }
  configure_console(options.quiet, options.verbose);
}

namespace {

void add_device_option(CLI::App* app, RunOptions* options, std::vector<std::string>* devices) {
  const std::string text =
      "Device to run on: cpu, or NVIDIA GPUs: cuda, cuda:1, or cuda:0,1 for several, all of which "
      "\"segment\" and \"detect\" use, while other commands run on the first. Default: what an "
      "engine "
      "file was built for, else cpu.";
  if (devices == nullptr) {
    add_text(app, "--device", &options->device, "D", text, kRunGroup);
    return;
  }
  app->add_option("--device", *devices,
                  text +
                      " Given twice: the first is A's, the second B's, and one FILE alone is "
                      "compared with itself.")
      ->type_name("D")
      ->allow_extra_args(false)
      ->expected(1, 2)
      ->check(not_empty)
      ->group(kRunGroup);
}

// Of GPUs.
void add_gpu_options(CLI::App* app, RunOptions* options) {
  add_switch(app, "--tf32", &options->tf32,
             "On GPUs: let fp32 products round their factors to TF32 (10 bits of mantissa).",
             kRunGroup);
  add_switch(app, "--synchronous", &options->synchronous,
             "On GPUs: wait for every kernel, so that an error names the layer that failed. Slow.",
             kRunGroup);
  add_integer(app, "--device-memory-limit", &options->device_memory_limit, 1, 1 << 24,
              "On GPUs: use at most this much of each one's memory; without it, all that there is.",
              kRunGroup, "MIB");
}

}  // namespace

void add_run_options(CLI::App* app, RunOptions* options, bool variants,
                     std::vector<std::string>* devices) {
  add_device_option(app, options, devices);
  add_text(
      app, "--precision", &options->precision, "P",
      "Numbers of the image encoder's linear layers, or of a detector's convolutions: fp32, fp16 "
      "(on GPUs), bf16 (needs AVX-512 BF16, or a GPU) or int8 (on CPUs; a detector only by \"lasso "
      "build --calibrate\"); \"lasso build\" also has auto, which measures. Default: fp32.",
      kRunGroup);
  add_integer(
      app, "--threads", &options->threads, 1, 4096,
      "Threads. Default: the physical cores that the process may use, or OMP_NUM_THREADS if "
      "lower.",
      kRunGroup);
  if (variants) {
    add_text(app, "--isa", &options->isa, "ISA",
             "Use no better instructions than avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16, "
             "amx_int8 or amx_bf16; LASSO_MAX_ISA, if lower, still holds. On GPUs a compute "
             "capability, such as sm_80. Default: the best that the device has.",
             kRunGroup);
    add_text(app, "--kernels", &options->kernels, "KIND",
             "fast, or reference: plain loops, slow, the specification of the fast ones; on CPUs. "
             "Default: fast.",
             kRunGroup);
  }
  add_gpu_options(app, options);
}

void add_runtime_options(CLI::App* app, RunOptions* options) {
  add_text(app, "--runtime", &options->runtime, "NAME",
           "What runs an ONNX model: lasso, or onnxruntime where this build has it "
           "(script/setup-onnxruntime). Default: lasso.",
           kRunGroup);
  add_provider_option(app, options);
}

void check_provider(const RunOptions& options) {
  if (options.runtime != "lasso" || options.provider.empty()) return;
  usage_error("--provider {}: is for another runtime, and --runtime is lasso", options.provider);
}

void add_provider_option(CLI::App* app, RunOptions* options) {
  add_text(app, "--provider", &options->provider, "NAME",
           "What another runtime than Lasso computes with: cpu, cuda, or what else its library "
           "offers, which an error lists. Default: as --device.",
           kRunGroup);
}

std::vector<std::string> all_runtimes() {
  std::vector<std::string> names = {"lasso"};
  for (const std::string& name : lasso::runtime_names()) names.push_back(name);
  return names;
}

const std::vector<std::string>& precision_names() {
  static const std::vector<std::string> names = {"fp32", "fp16", "bf16", "int8"};
  return names;
}

const std::vector<std::string>& isa_names() {
  static const std::vector<std::string> names = lasso::isa_names();
  return names;
}

namespace {

// What cap_isa() was told: children are forked from this process, and have it too.
std::string& given_cap() {
  static std::string cap;
  return cap;
}

// The lower of two caps.
std::string lower_cap(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  const auto rank = [](const std::string& name) {
    const auto& names = isa_names();
    const auto place = std::find(names.begin(), names.end(), name);
    return place == names.end() ? -1 : place - names.begin();
  };
  return rank(b) < rank(a) ? b : a;
}

}  // namespace

std::string isa_cap() {
  const char* outer = std::getenv("LASSO_MAX_ISA");
  if (outer == nullptr || *outer == '\0') return given_cap();
  const std::vector<std::string>& names = isa_names();
  if (std::find(names.begin(), names.end(), outer) == names.end()) {
    usage_error("LASSO_MAX_ISA={}: expected {}", outer, join_choices(names));
  }
  return lower_cap(outer, given_cap());
}

void cap_isa(const std::string& isa) { given_cap() = lower_cap(given_cap(), isa); }

void apply(const RunOptions& options) {
  if (!options.device.empty()) parse_device("--device", options.device);
  check_precision(options, precision_names());
  parse_choice("--kernels", options.kernels, {"fast", "reference"});
  parse_choice("--runtime", options.runtime, all_runtimes());
  if (options.on_gpu() && options.kernels == "reference") {
    usage_error("--kernels reference: runs on the CPU, and --device {} is given", options.device);
  }
  // A GPU's cap without --device is for an engine file.
  const bool is_for_gpu =
      options.on_gpu() || (options.device.empty() && is_capability(options.isa));
  if (options.isa.empty()) return;
  if (is_for_gpu) {
    parse_capability("--isa", options.isa);
    return;
  }
  parse_choice("--isa", options.isa, isa_names());
  cap_isa(options.isa);
}

void check_precision(const RunOptions& options, const std::vector<std::string>& known) {
  if (options.precision == "fp8") {
    throw Failure(Exit::kUnsupported,
                  "--precision fp8: this release of Lasso has fp32, fp16, bf16 and int8");
  }
  if (!options.precision.empty()) parse_choice("--precision", options.precision, known);
}

void add_model_option(CLI::App* app, ModelOptions* options) {
  add_text(
      app, "-m,--model", &options->model, "FILE|DIR",
      "SAM checkpoint (.pth, .pt, .safetensors or a folder with one) of any size, or an engine "
      "file (.lasso). Default: the demo checkpoint that comes with Lasso, or what "
      "LASSO_MODEL names.",
      kModelGroup);
}

void add_verify_option(CLI::App* app, ModelOptions* options) {
  add_switch(app, "--verify", &options->verify,
             "Compare the weights of an engine file with their checksum, which reads all of them.",
             kModelGroup);
}

void add_checkpoint_options(CLI::App* app, ModelOptions* options) {
  add_text(
      app, "--preprocess", &options->preprocess, "NAME",
      "How images are prepared: sam (longest side resized, padded), medsam (stretched to the "
      "square, scaled to [0, 1]) or efficientsam (stretched, divided by 255). Default: sam, or "
      "what the shapes of ONNX models ask for.",
      kModelGroup);
  add_text(app, "--config", &options->config, "F.json",
           "What the tensors' shapes do not tell about the model.", kModelGroup);
}

void add_description_options(CLI::App* app, ModelOptions* options) {
  add_checkpoint_options(app, options);
  add_text(app, "--fixed-inputs", &options->fixed_inputs, "F.npz",
           "Of an ONNX model: values of inputs that become part of it, which makes it faster, and "
           "which it needs of inputs that axes and the like are computed from.",
           kModelGroup);
  app->add_option(
         "--fixed-size", options->fixed_sizes,
         "Of an ONNX model or a YOLOv7: a number in place of an open size of its inputs (of a "
         "YOLOv7 "
         "also height and width). ONNX models need it of recurrent layers. May be repeated.")
      ->type_name("NAME=N")
      ->allow_extra_args(false)
      ->check(not_empty)
      ->group(kModelGroup);
  app->add_option(
         "--profile", options->profiles,
         "The sizes that a symbol of the inputs' shapes may stand for, such as "
         "batch=1:4:8: the least, the one that kernels are chosen for, and the most, which "
         "memory is kept for. Repeatable, for several symbols, and for several ranges of one, of "
         "whose first the kernels are. Default: all that the model takes.")
      ->type_name("NAME=MIN:OPT:MAX")
      ->allow_extra_args(false)
      ->check(not_empty)
      ->group(kModelGroup);
}

void add_common_options(CLI::App* app, CommonArguments* arguments, bool variants,
                        const std::string& json_help, std::vector<std::string>* devices) {
  add_description_options(app, &arguments->model);
  add_verify_option(app, &arguments->model);
  add_run_options(app, &arguments->run, variants, devices);
  add_output_options(app, &arguments->output, json_help);
}

void on_parsed(CLI::App* app, std::function<void()> parsed) { app->callback(std::move(parsed)); }

void add_candidates(CLI::App* app, std::vector<std::string>* candidates, const std::string& group) {
  app->add_option("--candidate", *candidates,
                  "Model to measure; repeatable. Default: the fast kernels of --model.")
      ->type_name("MODEL[@VARIANT]")
      ->allow_extra_args(false)
      ->check(not_empty)
      ->group(group);
}

}  // namespace lasso::app
