// lasso inspect: what is in a checkpoint, an engine file or an ONNX model, and how this machine
// runs it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/build/calibration_report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/inspect/inspect_onnx.h"
#include "cli/inspect/programs.h"
#include "cli/inspect/summary.h"
#include "cli/model/layer_json.h"
#include "cli/model/layer_times.h"
#include "cli/model/model.h"
#include "cli/options.h"
#include "cli/table.h"
#include "common/json_text.h"
#include "common/text.h"
#include "lasso/machine.h"
#include "lasso/segmenter.h"

namespace lasso::app {

namespace {

struct InspectArguments : CommonArguments {
  std::string file;
  bool layers = false;
  bool why = false;
  bool graph = false;
  bool time = false;
};

// What an engine's own description does not say: it depends on the threads or the machine, or must
// be measured.
struct Measured {
  int threads = 0;
  std::vector<GpuInfo> gpus;               // that it runs on
  std::vector<std::uint64_t> arena_bytes;  // by program
  LayerTimes ms;                           // empty without --time

  // None for layers that are no work, and without --time.
  std::optional<double> time(const ProgramInfo& program, const LayerInfo& layer) const {
    const auto it = ms.find({program.name, layer.name});
    return it == ms.end() ? std::nullopt : std::optional<double>(it->second);
  }
};

Measured measure(const OpenModel& model, const InspectArguments& arguments) {
  constexpr int kRuns = 3;
  Measured measured;
  const int threads = arguments.run.threads;
  measured.threads = threads == 0 ? machine_info().threads : threads;
  measured.arena_bytes = model.engine.arena_bytes(measured.threads);
  const EngineInfo& info = model.engine.info();
  if (info.device == "cuda") {
    for (GpuInfo& gpu : lasso::gpus()) {
      const auto& names = info.devices;
      if (std::find(names.begin(), names.end(), gpu.device) == names.end()) continue;
      measured.gpus.push_back(std::move(gpu));
    }
  }
  if (arguments.time) {
    const Progress progress("measuring the layers");
    if (info.sam) {
      Segmenter segmenter(model.engine, {threads});
      measured.ms = measure_layers(&segmenter, kRuns);
    } else {
      measured.ms = measure_layers(model.engine, threads, kRuns);
    }
  }
  return measured;
}

// "auto: 22 int8, 2 bf16, 1 fp32", on a GPU with fp16: the linear layers of the image encoder, or a
// detector's convolutions.
std::string precision_text(const EngineInfo& info) {
  if (info.tf32) return info.precision + ", its products in TF32";
  if (info.precision != to_string(Precision::kAuto)) return info.precision;
  std::vector<std::string> counts;
  for (const char* precision : {"int8", "fp16", "bf16", "fp32"}) {
    int count = 0;
    for (const ProgramInfo& program : info.programs) {
      if (info.sam && program.name != "image_encoder") continue;
      count += static_cast<int>(
          std::count_if(program.layers.begin(), program.layers.end(), [&](const LayerInfo& layer) {
            const bool is_product = layer.op == "linear" || (!info.sam && layer.op == "conv2d");
            return is_product && layer.precision == precision;
          }));
    }
    if (count > 0) counts.push_back(fmt::format("{} {}", count, precision));
  }
  return fmt::format("{}: {}", info.precision, fmt::join(counts, ", "));
}

// "oneDNN 2.6.3"
std::string libraries_text(const EngineInfo& info) {
  std::vector<std::string> texts;
  for (const auto& [name, version] : info.libraries)
    texts.push_back(fmt::format("{} {}", name, version));
  return texts.empty() ? "no library" : fmt::format("{}", fmt::join(texts, ", "));
}

std::string gpu_text(const GpuInfo& gpu) {
  return fmt::format("{}: {}, {}, {} multiprocessors, {:.1f} GiB, driver {}", gpu.device, gpu.model,
                     gpu.isa, gpu.multiprocessors,
                     static_cast<double>(gpu.memory_bytes) / (1 << 30), gpu.driver);
}

// Whether it is known what the encoder consists of, which an imported model does not say.
bool is_described(const SamInfo& sam) { return sam.depth > 0; }

void print_summary(const EngineInfo& info, const Measured& measured, const std::string& path) {
  const auto row = print_summary_row;
  print(fmt::format("{}  {}", styled(Style::kBold, info.model), printable(path)));
  row("hash", info.model_hash);
  if (info.sam) {
    const SamInfo& sam = *info.sam;
    row("input", fmt::format("{0} x {0} pixels, patches of {1}: a grid of {2} x {2} tokens",
                             sam.image_size, sam.patch_size, sam.image_size / sam.patch_size));
    if (!sam.has_encoder) row("encoder", "none: it takes embeddings");
    if (is_described(sam)) {
      row("encoder", fmt::format("{} blocks, width {}, {} heads, windows of {}", sam.depth,
                                 sam.embed_dim, sam.num_heads, sam.window_size));
      row("global blocks", fmt::format("{}", fmt::join(sam.global_blocks, ", ")));
    }
    row("embedding", fmt::format("{} channels", sam.prompt_dim));
  }
  if (info.detector) print_detector(*info.detector);
  row("parameters", quantity(static_cast<double>(info.parameters)));
  row("weights", fmt::format("{}B packed, {}", quantity(static_cast<double>(info.weight_bytes)),
                             precision_text(info)));
  if (info.accuracy) {
    row("accuracy", accuracy_text(*info.accuracy, " with fp32") + aim_text(*info.accuracy));
  }
  const auto arena = std::max_element(measured.arena_bytes.begin(), measured.arena_bytes.end());
  row("arena", fmt::format("{}B with {} thread{}", quantity(static_cast<double>(*arena)),
                           measured.threads, measured.threads == 1 ? "" : "s"));
  if (!info.preprocess.empty()) row("preprocess", info.preprocess);
  row("packed by", fmt::format("Lasso {} with {}; needs {}", info.lasso_version,
                               libraries_text(info), info.needed_isa));
  row("device", fmt::format("{}, {}", info.device, info.isa));
  for (const GpuInfo& gpu : measured.gpus) row("", gpu_text(gpu));
}

void print_layers(const ProgramInfo& program, const Measured& measured, bool why) {
  std::vector<Column> columns{{"#", Align::kRight},
                              {"layer"},
                              {"op"},
                              {"input"},
                              {"result"},
                              {"precision"},
                              {"kernel"},
                              {"ISA"},
                              {"GFLOP", Align::kRight},
                              {"weights", Align::kRight}};
  if (!measured.ms.empty()) columns.push_back({"ms", Align::kRight});
  Table table(columns);
  for (std::size_t i = 0; i < program.layers.size(); ++i) {
    const LayerInfo& layer = program.layers[i];
    std::vector<std::string> cells{
        fmt::format("{}", i),
        layer.name,
        layer.op,
        layer.input_shapes.front(),
        layer.shape,
        layer.precision,
        layer.kernel,
        layer.isa,
        layer.gflop > 0 ? fmt::format("{:.3g}", layer.gflop) : "",
        layer.weight_bytes > 0 ? quantity(static_cast<double>(layer.weight_bytes)) + "B" : ""};
    if (!measured.ms.empty()) {
      const auto ms = measured.time(program, layer);
      cells.push_back(ms ? fmt::format("{:.3f}", *ms) : "");
    }
    table.add(std::move(cells));
    if (!why) continue;
    for (const std::string& reason : layer.rejected) table.note("not " + reason);
    for (const std::string& time : layer.times) table.note("timed " + time);
  }
  print(table.text());
}

OrderedJson gpus_json(const std::vector<GpuInfo>& gpus) {
  OrderedJson json = OrderedJson::array();
  for (const GpuInfo& gpu : gpus) {
    json.push_back({{"device", gpu.device},
                    {"model", gpu.model},
                    {"isa", gpu.isa},
                    {"multiprocessors", gpu.multiprocessors},
                    {"memory_bytes", gpu.memory_bytes},
                    {"driver", gpu.driver}});
  }
  return json;
}

OrderedJson sam_json(const SamInfo& sam) {
  OrderedJson json = {{"image_size", sam.image_size}, {"patch_size", sam.patch_size}};
  if (is_described(sam)) {
    json.update({{"embed_dim", sam.embed_dim},
                 {"depth", sam.depth},
                 {"num_heads", sam.num_heads},
                 {"window_size", sam.window_size},
                 {"global_blocks", sam.global_blocks}});
  }
  json["prompt_dim"] = sam.prompt_dim;
  return json;
}

OrderedJson to_json(const EngineInfo& info, const OpenModel& model, const Measured& measured,
                    bool layers, bool why) {
  OrderedJson json = {
      {"file", json_name(model.path)},
      {"family", info.family},
      {"model", info.model},
      {"model_hash", info.model_hash},
      {"preprocess", info.preprocess},
      {"device", info.device},
      {"processor", info.processor},
      {"isa", info.isa},
      {"precision", info.precision},
      {"tf32", info.tf32},
      {"accuracy", info.accuracy ? accuracy_json(*info.accuracy) : OrderedJson(nullptr)},
      {"lasso_version", info.lasso_version},
      {"onednn_version", info.onednn_version},
      {"libraries", info.libraries},
      {"needed_isa", info.needed_isa},
      {"threads", measured.threads}};
  if (!measured.gpus.empty()) json["gpus"] = gpus_json(measured.gpus);
  if (info.sam) json.update(sam_json(*info.sam));
  if (info.detector) json["detector"] = detector_json(*info.detector);
  json.update({{"parameters", info.parameters},
               {"weight_bytes", info.weight_bytes},
               {"load_ms", model.load_ms},
               {"programs", OrderedJson::array()}});
  for (std::size_t i = 0; i < info.programs.size(); ++i) {
    const ProgramInfo& program = info.programs[i];
    OrderedJson entry = program_json(program, measured.arena_bytes.at(i));
    if (layers) {
      for (const LayerInfo& layer : program.layers) {
        OrderedJson row = layer_json(layer);
        if (const auto ms = measured.time(program, layer)) row["ms"] = *ms;
        if (why) {
          row["rejected"] = layer.rejected;
          row["times"] = layer.times;
        }
        entry["layers"].push_back(std::move(row));
      }
    }
    json["programs"].push_back(std::move(entry));
  }
  return json;
}

Exit run_inspect(const InspectArguments& arguments) {
  apply(arguments.run);
  // Of an ONNX model what the file says, unless it is asked how it will run.
  const bool runs = arguments.layers || arguments.why || arguments.time || arguments.graph;
  if (!runs && is_onnx(arguments.file)) {
    inspect_onnx(arguments.file, arguments.model, arguments.run, arguments.output.json);
    return Exit::kDone;
  }
  ModelOptions options = arguments.model;
  options.model = arguments.file;
  const OpenModel model = open_model(options, arguments.run);
  const EngineInfo& info = model.engine.info();
  const Measured measured = measure(model, arguments);
  const bool layers = arguments.layers || arguments.why || arguments.time;
  if (arguments.output.json) {
    OrderedJson json = to_json(info, model, measured, layers, arguments.why);
    if (arguments.graph) json["graph"] = model.engine.dump();
    print(json_line(json));
    return Exit::kDone;
  }
  if (quiet()) return Exit::kDone;
  if (arguments.graph) {
    print(model.engine.dump());
    return Exit::kDone;
  }
  print_summary(info, measured, model.path);
  for (std::size_t i = 0; i < info.programs.size(); ++i) {
    print_program(info.programs[i], measured.arena_bytes.at(i));
    if (layers) print_layers(info.programs[i], measured, arguments.why);
  }
  return Exit::kDone;
}

constexpr const char* kEpilogue =
    R"(Examples:
  lasso inspect sam_vit_b_01ec64.pth
  lasso inspect sam_vit_b_01ec64.pth --why
  lasso inspect sam_vit_b.lasso --time --threads 8
  lasso inspect sam_vit_b_01ec64.pth --device cuda --precision bf16 --layers
  lasso inspect sam_vit_b_01ec64.pth --json | jq .parameters
  lasso inspect yolov7.onnx
  lasso inspect yolov7.onnx --layers --profile batch=1:4:8
)";

}  // namespace

void add_inspect(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand(
      "inspect", "What a checkpoint, engine file or ONNX model holds and how it will run.");
  const auto arguments = std::make_shared<InspectArguments>();
  const std::string group = "What to show";
  app->add_option("FILE", arguments->file,
                  "A SAM checkpoint (.pth, .pt, .safetensors or a Hugging Face folder), an engine "
                  "file (.lasso), or an ONNX model (.onnx).")
      ->check(not_empty)
      ->required()
      ->group("Model");
  add_switch(app, "--layers", &arguments->layers,
             "Every layer: operation, shapes, precision, kernel, instruction set, GFLOP, bytes of "
             "weights.",
             group);
  add_switch(app, "--why", &arguments->why,
             "Every layer, with the kernels that were not taken and the reasons.", group);
  add_switch(app, "--time", &arguments->time,
             "Every layer, with the milliseconds that it takes here, the median of three runs.",
             group);
  add_switch(app, "--graph", &arguments->graph, "The graphs of all programs, as text.", group);
  add_common_options(app, arguments.get(), true, "One JSON object on standard output.");
  describe_command(app, "lasso inspect FILE [--layers] [--why] [--time] [--graph] [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_inspect, action);
}

}  // namespace lasso::app
