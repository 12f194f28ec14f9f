// lasso run: named tensors through a program of any model.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/model/other_runtime.h"
#include "cli/model/tensor_model.h"
#include "cli/options.h"
#include "cli/values.h"
#include "common/files.h"
#include "common/json_text.h"
#include "common/text.h"
#include "lasso/model_runner.h"

namespace lasso::app {

namespace {

struct RunArguments {
  std::string file;
  std::string inputs;
  std::string output;
  std::string program;
  ModelOptions model;
  RunOptions run;
  OutputOptions messages;
};

void check_output(const RunArguments& arguments) {
  for_option("-o", [&] { check_output_file(arguments.output); });
  for (const auto& [path, role] :
       {std::pair(arguments.inputs, "--inputs"), std::pair(arguments.file, "the model"),
        std::pair(arguments.model.config, "--config")}) {
    if (!path.empty() && same_file(arguments.output, path)) {
      usage_error("-o {}: is the same file as {} {}", arguments.output, role, path);
    }
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

OrderedJson tensors_json(const std::map<std::string, HostTensor>& tensors) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, tensor] : tensors) {
    json[name] = {{"type", to_string(tensor.type)}, {"shape", tensor.shape}};
  }
  return json;
}

// Arrays of types that no program takes are wrong usage, as other types than a program's are.
std::map<std::string, HostTensor> load_inputs(const std::string& path) {
  try {
    return load_npz(path);
  } catch (const lasso::Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    usage_error("--inputs {}", error.what());
  }
}

Exit run_tensors(const RunArguments& arguments) {
  check_output(arguments);
  apply(arguments.run);
  check_provider(arguments.run);
  ModelOptions options = arguments.model;
  options.model = arguments.file;
  const TensorModel model = open_tensor_model(options, arguments.run, {arguments.program});
  ModelRunner& runner = model.runner();

  const std::map<std::string, HostTensor> inputs = load_inputs(arguments.inputs);
  std::map<std::string, HostTensorView> views;
  for (const auto& [name, tensor] : inputs) views.emplace(name, tensor.view());
  std::map<std::string, HostTensor> outputs;
  try {
    with_model([&] { runner.run(views, &outputs); });
  } catch (const lasso::Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    usage_error("--inputs {}: {}", arguments.inputs, error.what());
  }
  write_with([&] { save_npz(arguments.output, outputs); });

  if (arguments.messages.json) {
    const OrderedJson json = {
        {"file", json_name(model.path)},
        {"model", model.name},
        {"program", model.program},
        {"settings", settings_json(runner.settings())},
        {"threads", runner.threads()},
        {"inputs", tensors_json(inputs)},
        {"outputs", tensors_json(outputs)},
        {"timings", {{"model_load_ms", model.load_ms}, {"run_ms", runner.last_run_ms()}}},
        {"files", {{"outputs", json_name(arguments.output)}}}};
    print(json_line(json));
    return Exit::kDone;
  }
  if (quiet()) return Exit::kDone;
  print(fmt::format("{}  {:.2f} ms  {} {}", styled(Style::kBold, model.program),
                    runner.last_run_ms(), arrow(), printable(arguments.output)));
  if (model.lasso() == nullptr) print("  " + settings_text(runner.settings()));
  for (const auto& [name, tensor] : outputs) {
    print(fmt::format("  {}: {} {}", printable(name), to_string(tensor.type),
                      shape_text(tensor.shape)));
  }
  return Exit::kDone;
}

constexpr const char* kEpilogue =
    R"("lasso inspect MODEL" lists the programs with the names, types and shapes of their inputs and
outputs. The sizes that symbols such as batch stand for are those of the inputs, or computed from
values of inputs whose role is "sizes". In Python:

  numpy.savez("inputs.npz", image=pixels)           float32 [1, 1024, 1024, 3], normalised
  numpy.load("outputs.npz")["image_embeddings"]

Examples:
  lasso run sam_vit_b.lasso --program image_encoder --inputs inputs.npz -o outputs.npz
  lasso run sam_vit_b.lasso --program image_encoder --inputs inputs.npz -o outputs.npz --json
  lasso run yolov7.onnx --inputs images.npz -o outputs.npz --runtime onnxruntime
)";

}  // namespace

void add_run(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("run", "Any program of any model, on named tensors.");
  const auto arguments = std::make_shared<RunArguments>();
  const std::string tensors = "Tensors";
  app->add_option("MODEL", arguments->file,
                  "A SAM checkpoint (.pth, .pt, .safetensors or a Hugging Face folder) or an ONNX "
                  "model, which is built first, or an engine file (.lasso).")
      ->check(not_empty)
      ->required()
      ->group("Model");
  add_text(app, "--program", &arguments->program, "NAME",
           "Which of the model's programs. Default: the only one.", "Model");
  add_text(app, "--inputs", &arguments->inputs, "F.npz",
           "The inputs by their names, as numpy.savez writes them.", tensors)
      ->required();
  add_text(app, "-o,--output", &arguments->output, "F.npz",
           "Where the outputs go, by their names. What is there is overwritten.", tensors)
      ->required();
  add_description_options(app, &arguments->model);
  add_verify_option(app, &arguments->model);
  add_run_options(app, &arguments->run, true);
  add_runtime_options(app, &arguments->run);
  add_output_options(app, &arguments->messages,
                     "One JSON object on standard output: types and shapes, timings in ms.");
  describe_command(app, "lasso run MODEL --inputs F.npz -o F.npz [--program NAME] [OPTIONS]",
                   kEpilogue);
  app->callback([=] {
    begin(arguments->messages);
    *action = [=] { return run_tensors(*arguments); };
  });
}

}  // namespace lasso::app
