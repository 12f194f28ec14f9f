// lasso build: a checkpoint into an engine file.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/build/calibration.h"
#include "cli/build/calibration_report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/model/parts.h"
#include "cli/options.h"
#include "cli/values.h"
#include "common/files.h"
#include "common/json_text.h"
#include "common/machine.h"
#include "common/text.h"
#include "core/stopwatch.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

namespace fs = std::filesystem;

struct BuildArguments : CommonArguments {
  PartsOptions parts;
  std::string file;
  std::string engine_file;
  std::string memory_limit;
  bool no_timing = false;
  bool verify = false;
  CalibrationArguments calibration;
};

// Engine files end in .lasso: other names belong to other programs, or to the checkpoint.
void check_output(const BuildArguments& arguments) {
  const std::string& output = arguments.engine_file;
  const std::string extension = fs::path(output).extension().string();
  if (extension == ".engine" || extension == ".plan" || extension == ".trt") {
    usage_error(
        "-o {}: {} is what TensorRT calls its engines, which are something else; expected "
        "a name that ends in .lasso",
        output, extension);
  }
  if (extension != ".lasso") usage_error("-o {}: expected a name that ends in .lasso", output);
  for_option("-o", [&] { check_writable(output); });
  if (!arguments.file.empty() && same_file(arguments.file, output)) {
    usage_error("-o {}: is the checkpoint itself", output);
  }
  std::vector<std::string> parts = arguments.parts.encoders;
  parts.push_back(arguments.parts.decoder);
  for (const std::string& part : parts) {
    if (!part.empty() && same_file(part, output)) usage_error("-o {}: is {} itself", output, part);
  }
}

lasso::EngineOptions engine_options(const BuildArguments& arguments, const RunOptions& run) {
  lasso::EngineOptions options = model_options(arguments.model, run);
  options.threads = run.threads;
  options.time_kernels = !arguments.no_timing && run.kernels != "reference";
  if (!arguments.memory_limit.empty()) {
    options.memory_limit = parse_bytes("--memory-limit", arguments.memory_limit);
  }
  return options;
}

// Random weights are made in memory, whatever that takes.
OpenModel build_random(const BuildArguments& arguments, const lasso::EngineOptions& options) {
  check_random(arguments.file);
  if (options.memory_limit > 0) {
    usage_error("--memory-limit with {}: random weights are made in memory", arguments.file);
  }
  const Stopwatch watch;
  OpenModel model = open_random(arguments.file, options);
  open_engine(
      [&] {
        model.engine.save(arguments.engine_file);
        return model.engine;
      },
      {});
  model.load_ms = watch.milliseconds();
  return model;
}

// With --json a report of an engine that is written comes with the engine's.
void tell_unwritten(const BuildArguments& arguments, const CalibrationReport& report) {
  if (!arguments.output.json) return;
  print(json_line({{"file", nullptr}, {"calibration", calibration_json(report)}}));
}

// Prints the trade-off before anything can fail. Throws Failure(kThresholdMissed), and writes
// nothing, where the engine is not accepted.
OpenModel build_calibrated(const BuildArguments& arguments, const lasso::EngineOptions& options,
                           std::optional<CalibrationReport>* report) {
  if (is_random(arguments.file)) {
    usage_error("calibration with {}: random weights have no masks or boxes worth keeping",
                arguments.file);
  }
  const std::string path = find_model(arguments.file);
  const Stopwatch watch;
  lasso::Engine engine = open_engine(
      [&] {
        Calibrated calibrated = run_calibration(path, options, arguments.calibration);
        *report = std::move(calibrated.report);
        if (!arguments.output.json && !quiet()) print_calibration(**report);
        if (!calibrated.engine) {
          tell_unwritten(arguments, **report);
          throw Failure(
              Exit::kThresholdMissed,
              fmt::format("{}: not written: {}", arguments.engine_file, refusal(**report)));
        }
        if (const std::string text = no_evidence(**report); !text.empty()) print_warning(text);
        try {
          calibrated.engine->save(arguments.engine_file);
        } catch (...) {
          tell_unwritten(arguments, **report);
          throw;
        }
        return *calibrated.engine;
      },
      {path,
       Stage::kModel,
       arguments.model.config,
       {"random picture", arguments.calibration.folder.value_or("")}});
  return {std::move(engine), path, watch.milliseconds()};
}

// An encoder and a decoder become one engine.
OpenModel build_parts(const BuildArguments& arguments, const lasso::EngineOptions& options) {
  const lasso::ModelParts parts = model_parts(arguments.parts, arguments.file);
  const std::string path = main_file(parts);
  const Progress progress(fmt::format("building {}", path));
  const Stopwatch watch;
  lasso::Engine engine = open_engine(
      [&] { return lasso::Engine::assemble_file(parts, arguments.engine_file, options); },
      {path, Stage::kModel, arguments.model.config, parts.encoders});
  return {std::move(engine), path, watch.milliseconds()};
}

OpenModel build(const BuildArguments& arguments, const lasso::EngineOptions& options) {
  if (!arguments.parts.empty()) return build_parts(arguments, options);
  if (is_random(arguments.file)) return build_random(arguments, options);
  const std::string path = find_model(arguments.file);
  const Progress progress(fmt::format("building {}", path));
  const Stopwatch watch;
  lasso::Engine engine =
      open_engine([&] { return lasso::Engine::build_file(path, arguments.engine_file, options); },
                  {path, Stage::kModel, arguments.model.config});
  return {std::move(engine), path, watch.milliseconds()};
}

void print_summary(const EngineInfo& info, const BuildArguments& arguments, std::uint64_t bytes,
                   double ms) {
  const auto row = [](const std::string& name, const std::string& value) {
    print(fmt::format("  {}{}", styled(Style::kDim, fmt::format("{:<10}", name)), value));
  };
  print(fmt::format("{}  {}", styled(Style::kBold, info.model), printable(arguments.engine_file)));
  row("precision", info.precision);
  row("needs", fmt::format("{}, {}", info.device, info.needed_isa));
  row("size", fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6));
  row("time", fmt::format("{:.2f} s", ms / 1e3));
  row("memory",
      fmt::format("{:.0f} MiB at most", static_cast<double>(peak_resident_memory()) / 1048576));
  if (arguments.verify) row("checksums", "read back and equal");
}

Exit run_build(const BuildArguments& arguments) {
  std::vector<std::string> precisions = precision_names();
  precisions.emplace_back(to_string(Precision::kAuto));
  check_precision(arguments.run, precisions);
  const bool calibrates = arguments.calibration.wanted(arguments.run.precision);
  const bool choose = arguments.run.precision == to_string(Precision::kAuto);
  if (calibrates && !arguments.parts.empty()) {
    usage_error("calibration with --encoder or --decoder: is for a checkpoint");
  }
  RunOptions run = arguments.run;
  if (choose) run.precision = to_string(Precision::kInt8);  // which every CPU has
  apply(run);
  check_output(arguments);
  lasso::EngineOptions options = engine_options(arguments, run);
  if (choose) options.precision = Precision::kAuto;
  std::optional<CalibrationReport> report;
  const OpenModel model =
      calibrates ? build_calibrated(arguments, options, &report) : build(arguments, options);
  if (arguments.verify) {
    lasso::LoadOptions load{.verify = true, .isa = options.isa, .device = options.device};
    open_engine([&] { return lasso::Engine::load(arguments.engine_file, load); },
                {arguments.engine_file, Stage::kEngineFile, {}});
  }
  const EngineInfo& info = model.engine.info();
  const std::uint64_t bytes = fs::file_size(arguments.engine_file);
  if (!arguments.output.json) {
    if (!quiet()) print_summary(info, arguments, bytes, model.load_ms);
    return Exit::kDone;
  }
  OrderedJson json = {{"file", json_name(arguments.engine_file)},
                      {"source", json_name(model.path)},
                      {"version", LASSO_VERSION},
                      {"model", info.model},
                      {"model_hash", info.model_hash},
                      {"preprocess", info.preprocess},
                      {"precision", info.precision},
                      {"device", info.device},
                      {"isa", info.isa},
                      {"needed_isa", info.needed_isa},
                      {"onednn_version", info.onednn_version},
                      {"libraries", info.libraries},
                      {"weight_bytes", info.weight_bytes},
                      {"file_bytes", bytes},
                      {"build_ms", model.load_ms},
                      {"peak_rss_bytes", peak_resident_memory()},
                      {"verified", arguments.verify}};
  if (report) json["calibration"] = calibration_json(*report);
  print(json_line(json));
  return Exit::kDone;
}

constexpr const char* kEpilogue =
    R"(The engine file takes the place of the checkpoint in every command: --model FILE.lasso. It is
mapped, not read, so that loading takes a moment, and processes that use it share its memory. It runs
on any CPU with the instructions that "needs" names, or, built with --device cuda, on any GPU with
that compute capability. It appears complete or not at all.

Examples:
  lasso build sam_vit_h_4b8939.pth -o sam_vit_h.lasso
  lasso build medsam_vit_b.pth -o medsam.lasso --preprocess medsam
  lasso build sam_vit_h_4b8939.pth -o sam_vit_h.lasso --memory-limit 512M --verify
  lasso build sam_vit_b_01ec64.pth -o sam_vit_b.lasso --precision auto --calibrate photos
  lasso build yolov7-tiny.pt -o yolov7-tiny.lasso --precision int8 --calibrate photos
  lasso build sam_vit_b_01ec64.pth -o sam_vit_b_gpu.lasso --device cuda --precision bf16
  lasso build --encoder encoder.onnx --decoder decoder.onnx -o sam.lasso
)";

}  // namespace

void add_build(CLI::App* parent, Action* action) {
  CLI::App* app =
      parent->add_subcommand("build", "A checkpoint or an ONNX model into an engine file.");
  const auto arguments = std::make_shared<BuildArguments>();
  BuildArguments& a = *arguments;
  const std::string group = "Engine file";
  app->add_option(
         "MODEL", a.file,
         "A SAM checkpoint (.pth, .pt, .safetensors or a Hugging Face folder), a checkpoint "
         "of YOLOv7 (.pt), an ONNX model, or random:NAME, a published architecture with "
         "random weights: vit_b, vit_l, vit_h, yolov7, yolov7-tiny, ... Default: the demo "
         "checkpoint that comes with "
         "Lasso, or what LASSO_MODEL names.")
      ->check(not_empty)
      ->group("Model");
  add_parts_options(app, &a.parts);
  add_description_options(app, &a.model);
  add_text(app, "-o,--output", &a.engine_file, "FILE.lasso", "The file to write.", group)
      ->required();
  add_text(app, "--memory-limit", &a.memory_limit, "BYTES",
           "Build with no more resident memory than that, or say how much is needed; as in 512M or "
           "2G. Default: no limit.",
           group);
  add_switch(
      app, "--no-timing", &a.no_timing,
      "Choose kernels by estimates alone, not by timing those that compute the same layer: the "
      "file is the same bytes every time.",
      group);
  add_switch(app, "--verify", &a.verify, "Read the file back and compare all checksums.", group);
  add_calibration_options(app, &a.calibration);
  add_run_options(app, &a.run, true);
  add_output_options(app, &a.output, "One JSON object on standard output.");
  describe_command(app,
                   "lasso build MODEL | --encoder FILE... --decoder FILE -o FILE.lasso [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_build, action);
}

}  // namespace lasso::app
