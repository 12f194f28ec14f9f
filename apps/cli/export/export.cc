// lasso export: ONNX models of a checkpoint, or a cleaned one of an ONNX model.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/build/calibration.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/options.h"
#include "cli/values.h"
#include "common/files.h"
#include "common/json_text.h"
#include "common/text.h"
#include "core/file.h"
#include "core/stopwatch.h"
#include "formats/file_kind.h"
#include "lasso/onnx.h"

namespace lasso::app {

namespace {

namespace fs = std::filesystem;

constexpr const char* kGroup = "ONNX models of a checkpoint";

struct ExportArguments {
  std::string file;
  std::string output;
  std::string most_bytes;
  ModelOptions model;
  RunOptions run;
  OutputOptions messages;
  int opset = OnnxExportOptions().opset;
  int parts = 1;
  bool single_mask = false;
  bool stability_score = false;
  bool extra_metrics = false;
  bool postprocess = false;
  bool qdq = false;
  CalibrationArguments calibration;
  const CLI::App* app = nullptr;
};

// What is wrong with the options is the user's, and what is wrong with the model the model's.
template <typename F>
auto with_exported(const ExportArguments& arguments, const std::string& path, F&& f) {
  try {
    return f();
  } catch (const lasso::Error& error) {
    const std::string& config = arguments.model.config;
    if (!config.empty() && !is_fatal(error) &&
        std::string_view(error.what()).starts_with(config + ": ")) {
      usage_error("--config {}", error.what());
    }
    if (error.code() == ErrorCode::kInvalidArgument &&
        !std::string_view(error.what()).starts_with(path)) {
      usage_error("{}", error.what());
    }
    throw Failure(exit_for(error, Stage::kModel), error.what());
  }
}

std::uint64_t most_bytes(const ExportArguments& arguments) {
  return arguments.most_bytes.empty() ? OnnxExportOptions().most_bytes
                                      : parse_bytes("--max-file-size", arguments.most_bytes);
}

// Generated names are not the user's own: what is there under them stays.
void check_free(const std::string& path) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(path, ignored))) {
    usage_error("-o {}: there is a file {} already; remove it, or name another folder",
                fs::path(path).parent_path().string(), fs::path(path).filename().string());
  }
}

OnnxExportOptions export_options(const ExportArguments& arguments) {
  OnnxExportOptions options;
  options.opset = arguments.opset;
  options.parts = arguments.parts;
  options.single_mask = arguments.single_mask;
  options.stability_score = arguments.stability_score;
  options.extra_metrics = arguments.extra_metrics;
  options.postprocess = arguments.postprocess;
  options.most_bytes = most_bytes(arguments);
  if (arguments.extra_metrics && !arguments.postprocess) {
    usage_error("--extra-metrics: areas are of masks at the picture's size: --postprocess, too");
  }
  if (!arguments.qdq && !arguments.calibration.given().empty()) {
    usage_error("{}: calibration is for --qdq", arguments.calibration.given().front());
  }
  return options;
}

Exit export_checkpoint(const ExportArguments& arguments, const std::string& path) {
  OnnxExportOptions options = export_options(arguments);
  for_option("-o", [&] { check_output_folder(arguments.output); });
  std::vector<std::string> names{"decoder.onnx", "README.md"};
  for (int i = 1; i <= options.parts; ++i) {
    names.push_back(options.parts == 1 ? "encoder.onnx" : fmt::format("encoder_{}.onnx", i));
  }
  for (const std::string& name : names) {
    const std::string path_of = (fs::path(arguments.output) / name).string();
    check_free(path_of);
    check_free(path_of + ".data");
  }
  std::unique_ptr<CalibrationPictures> pictures;
  if (arguments.qdq) {
    pictures = std::make_unique<CalibrationPictures>(arguments.calibration);
    options.quantise = pictures->options();
  }
  const lasso::EngineOptions engine = [&] {
    lasso::EngineOptions result = model_options(arguments.model, arguments.run);
    result.threads = arguments.run.threads;
    return result;
  }();
  const Stopwatch watch;
  OnnxExport files;
  {
    Progress progress(fmt::format("exporting {}", path));
    if (options.quantise) {
      options.quantise->progress = [&](const std::string& stage, int done, int total) {
        progress.set(fmt::format("calibrating: {}, {} of {}", stage, done + 1, total));
      };
    }
    files = with_exported(arguments, path,
                          [&] { return export_onnx(path, arguments.output, options, engine); });
  }
  if (arguments.messages.json) {
    OrderedJson encoders = OrderedJson::array();
    for (const std::string& encoder : files.encoders) encoders.push_back(json_name(encoder));
    print(json_line({{"source", json_name(path)},
                     {"opset", options.opset},
                     {"quantised", arguments.qdq},
                     {"files",
                      {{"encoders", encoders},
                       {"decoder", json_name(files.decoder)},
                       {"readme", json_name(files.readme)}}},
                     {"timings", {{"export_ms", watch.milliseconds()}}}}));
    return Exit::kDone;
  }
  if (quiet()) return Exit::kDone;
  std::vector<std::string> written = files.encoders;
  written.push_back(files.decoder);
  for (const std::string& file : written) {
    const std::string weights = file + ".data";
    const auto megabytes = [](const std::string& path) {
      return fmt::format("{:.1f} MB", static_cast<double>(fs::file_size(path)) / 1e6);
    };
    // A file of that name is this model's: none was there before.
    const std::string beside =
        fs::exists(weights) ? fmt::format(", and {} of weights beside it", megabytes(weights)) : "";
    print(fmt::format("{}  {}{}", printable(file), megabytes(file), beside));
  }
  print(printable(files.readme));
  return Exit::kDone;
}

// Options that only a checkpoint has a use for.
void refuse_checkpoint_options(const ExportArguments& arguments) {
  for (const CLI::Option* option : arguments.app->get_options()) {
    const bool given = option->count() > 0;
    const std::string name = option->get_name();
    if (given && (option->get_group() == kGroup || option->get_group() == "Calibration" ||
                  name == "--config" || name == "--preprocess")) {
      usage_error("{}: {} is an ONNX model, and keeps what it has; the option is for checkpoints",
                  name, arguments.file);
    }
  }
}

Exit clean(const ExportArguments& arguments, const std::string& path) {
  refuse_checkpoint_options(arguments);
  std::string output = arguments.output;
  std::error_code ignored;
  const bool is_folder = fs::is_directory(output, ignored) || output.ends_with('/');
  if (is_folder) {
    for_option("-o", [&] { check_output_folder(output); });
    output = (fs::path(output) / fs::path(path).filename()).string();
    if (same_file(output, path)) usage_error("-o {}: is the model's own folder", arguments.output);
    check_free(output);
    make_folder(fs::path(output).parent_path().string());
  }
  for_option("-o", [&] { check_output_file(output); });
  if (same_file(output, path)) usage_error("-o {}: is the model itself", output);
  // The file that has a name of the user's own is overwritten, but not what may lie beside it.
  const std::string weights = output + ".data";
  if (fs::exists(fs::symlink_status(weights, ignored))) {
    usage_error("-o {}: there is a file {} already; remove it, or choose another name",
                arguments.output, fs::path(weights).filename().string());
  }
  const Stopwatch watch;
  const OnnxCleaning cleaning = [&] {
    const Progress progress(fmt::format("cleaning {}", path));
    return with_exported(arguments, path,
                         [&] { return clean_onnx(path, output, most_bytes(arguments)); });
  }();
  if (arguments.messages.json) {
    print(json_line({{"source", json_name(path)},
                     {"file", json_name(output)},
                     {"nodes_before", cleaning.nodes_before},
                     {"nodes", cleaning.nodes_after},
                     {"unknown_operators", cleaning.unknown},
                     {"timings", {{"export_ms", watch.milliseconds()}}}}));
    return Exit::kDone;
  }
  if (quiet()) return Exit::kDone;
  print(fmt::format("{}  {} nodes, of {}", printable(output), cleaning.nodes_after,
                    cleaning.nodes_before));
  for (const std::string& name : cleaning.unknown) {
    print(
        fmt::format("  {}: an operator that Lasso does not have, kept as it is", printable(name)));
  }
  return Exit::kDone;
}

Exit run_export(const ExportArguments& arguments) {
  const std::string path = find_model(arguments.file);
  apply(arguments.run);
  bool is_onnx = false;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    is_onnx = with_exported(arguments, path,
                            [&] { return file_kind(*MappedFile::open(path)) == FileKind::kOnnx; });
  }
  return is_onnx ? clean(arguments, path) : export_checkpoint(arguments, path);
}

constexpr const char* kEpilogue =
    R"(Of a SAM checkpoint: encoder.onnx, decoder.onnx and a README.md with the lines for TensorRT's trtexec
and for ONNX Runtime. Inputs and outputs have the names of Meta's exporter. Of an ONNX model: the
same model with what is constant computed in advance, and without nodes that no run needs. Weights
of a model over 2 GB lie beside it, in FILE.onnx.data.

Examples:
  lasso export sam_vit_b_01ec64.pth -o sam_vit_b_onnx
  lasso export sam_vit_h_4b8939.pth -o sam_vit_h_onnx --split 2 --single-mask
  lasso export sam_vit_b_01ec64.pth -o sam_vit_b_int8 --qdq --calibrate photos
  lasso export yolov7.onnx -o yolov7_clean.onnx
)";

}  // namespace

void add_export(CLI::App* parent, Action* action) {
  CLI::App* app =
      parent->add_subcommand("export", "A checkpoint into ONNX models, or a cleaned ONNX model.");
  const auto arguments = std::make_shared<ExportArguments>();
  ExportArguments& a = *arguments;
  a.app = app;
  app->add_option("MODEL", a.file,
                  "A SAM checkpoint (.pth, .pt, .safetensors or a Hugging Face folder), or an ONNX "
                  "model.")
      ->check(not_empty)
      ->required()
      ->group("Model");
  add_checkpoint_options(app, &a.model);
  const std::string output = "Output";
  add_text(app, "-o,--output", &a.output, "DIR|FILE",
           "Of a checkpoint, the folder to write into, which is made where there is none. Of an "
           "ONNX model, the file to write, or a folder for a file of the same name. Files of "
           "generated names that are there already are not overwritten.",
           output)
      ->required();
  add_text(app, "--max-file-size", &a.most_bytes, "BYTES",
           "Larger models have their weights in FILE.onnx.data; as in 512M or 2G. Default: what "
           "Protocol Buffers can read, 2 GiB less a byte.",
           output);
  constexpr int kFirstOpset = 13;
  constexpr int kLastOpset = 21;
  add_integer(app, "--opset", &a.opset, kFirstOpset, kLastOpset,
              "The operator set. From 17 on LayerNorm is one node. Default: 16.", kGroup);
  add_switch(app, "--single-mask", &a.single_mask,
             "The decoder gives one mask for each prompt, chosen as Meta's code does, in place of "
             "all four.",
             kGroup);
  add_switch(app, "--stability-score", &a.stability_score,
             "Stability scores in place of predicted IoUs.", kGroup);
  add_switch(app, "--postprocess", &a.postprocess,
             "Masks at the picture's size as well, by an input orig_im_size.", kGroup);
  add_switch(app, "--extra-metrics", &a.extra_metrics,
             "With --postprocess, the stability scores and areas of these masks.", kGroup);
  constexpr int kMostParts = 64;
  add_integer(app, "--split", &a.parts, 1, kMostParts,
              "The encoder in so many models that feed each other: encoder_1.onnx, ... Default: 1.",
              kGroup);
  add_switch(app, "--qdq", &a.qdq,
             "QuantizeLinear and DequantizeLinear nodes (int8) around the linear layers of the "
             "encoder's blocks, with scales found by calibration.",
             kGroup);
  add_calibration_pictures(app, &a.calibration, ": scales come from what layers read in them");
  add_integer(app, "--threads", &a.run.threads, 1, 4096,
              "Threads of calibration. Default: physical cores.", "Calibration");
  add_output_options(app, &a.messages, "One JSON object on standard output.");
  describe_command(app, "lasso export MODEL -o DIR|FILE [OPTIONS]", kEpilogue);
  app->callback([=] {
    begin(arguments->messages);
    *action = [=] { return run_export(*arguments); };
  });
}

}  // namespace lasso::app
