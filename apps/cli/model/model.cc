#include "cli/model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/console.h"
#include "cli/values.h"
#include "common/model_files.h"
#include "core/file.h"
#include "core/stopwatch.h"
#include "formats/file_kind.h"

namespace lasso::app {

namespace {

constexpr std::string_view kRandomPrefix = "random:";

// Bytes of the weights in fp32, by the text that names a model.
const std::map<std::string, std::uint64_t>& random_models() {
  static const std::map<std::string, std::uint64_t> models = {
      {random_name("vit_b"), 375'000'000},           {random_name("vit_h"), 2'565'000'000},
      {random_name("vit_l"), 1'250'000'000},         {random_name("yolov7"), 148'000'000},
      {random_name("yolov7-d6"), 535'000'000},       {random_name("yolov7-e6"), 389'000'000},
      {random_name("yolov7-e6e"), 607'000'000},      {random_name("yolov7-tiny"), 25'000'000},
      {random_name("yolov7-tiny-silu"), 25'000'000}, {random_name("yolov7-w6"), 282'000'000},
      {random_name("yolov7x"), 285'000'000}};
  return models;
}

template <typename Find>
std::string found(const Find& find, const std::string& model) {
  try {
    const ModelFile file = find(model);
    if (!file.warning.empty()) print_warning(file.warning);
    return file.path;
  } catch (const lasso::Error& error) {
    throw Failure(Exit::kBadModel, error.what());
  }
}

}  // namespace

std::string find_model(const std::string& model) { return found(find_model_file, model); }

std::string find_detector(const std::string& model) { return found(find_detector_file, model); }

bool is_onnx_file(const std::string& path) {
  try {
    return file_kind(*MappedFile::open(path)) == FileKind::kOnnx;
  } catch (const lasso::Error&) {
    return false;  // opening it will say why
  }
}

namespace {

// Whether a message is about a file, or one of the files of a folder.
bool is_about(std::string_view message, const std::string& path) {
  return !path.empty() && message.starts_with(path) &&
         (path.back() == '/' || message.substr(path.size()).starts_with(':') ||
          message.substr(path.size()).starts_with('/'));
}

Exit exit_for_engine(const lasso::Error& error, const EngineSource& source) {
  // An engine file is there when it is loaded, and its errors begin with its name in any case.
  const bool is_of_other =
      std::any_of(source.others.begin(), source.others.end(), [&](const std::string& name) {
        return !name.empty() && std::string_view(error.what()).starts_with(name);
      });
  const bool is_of_file =
      is_of_other || (source.stage == Stage::kModel && is_about(error.what(), source.path));
  if (!is_of_file && error.code() == ErrorCode::kNotFound) return Exit::kDeviceOrMemory;
  if (!is_of_file && error.code() == ErrorCode::kUnsupported) return Exit::kUnsupported;
  return exit_for(error, source.stage);
}

}  // namespace

lasso::Engine open_engine(const std::function<lasso::Engine()>& open, const EngineSource& source) {
  std::optional<lasso::Engine> engine;
  open_model_file([&] { engine = open(); }, source);
  return std::move(*engine);
}

void open_model_file(const std::function<void()>& open, const EngineSource& source) {
  const std::string& config = source.config;
  try {
    open();
  } catch (const lasso::Error& error) {
    const bool is_config =
        !config.empty() && std::string_view(error.what()).starts_with(config + ": ");
    if (is_config && !is_fatal(error)) usage_error("--config {}", error.what());
    throw Failure(exit_for_engine(error, source), error.what());
  } catch (const std::bad_alloc&) {
    throw Failure(Exit::kDeviceOrMemory, "out of memory while the model was loaded");
  }
}

lasso::EngineOptions model_options(const ModelOptions& model, const RunOptions& run) {
  if (!model.preprocess.empty()) {
    parse_choice("--preprocess", model.preprocess, {"sam", "medsam", "efficientsam"});
  }
  std::error_code ignored;
  if (!model.config.empty() && !std::filesystem::is_regular_file(model.config, ignored)) {
    usage_error("--config {}: {}", model.config,
                std::filesystem::is_directory(model.config, ignored)
                    ? "is a folder, expected a file"
                : std::filesystem::exists(model.config, ignored) ? "is not a regular file"
                                                                 : "there is no such file");
  }
  if (run.on_gpu() && !run.isa.empty()) parse_capability("--isa", run.isa);
  if (!run.on_gpu() && is_capability(run.isa)) {
    usage_error("--isa {}: is for GPUs; expected {}, or --device cuda with it", run.isa,
                join_choices(isa_names()));
  }
  lasso::EngineOptions options;
  options.kernels = run.kernel_choice();
  options.device = run.device;
  options.isa = run.on_gpu() ? run.isa : isa_cap();
  options.tf32 = run.tf32;
  options.synchronous = run.synchronous;
  options.device_memory_limit = static_cast<std::uint64_t>(run.device_memory_limit) << 20;
  if (!run.precision.empty()) options.precision = lasso::precision_from_string(run.precision);
  options.preprocess = model.preprocess;
  options.config_path = model.config;
  for (const std::string& profile : model.profiles) {
    options.profiles.push_back(parse_profile("--profile", profile));
  }
  if (!model.fixed_inputs.empty()) {
    try {
      options.fixed_inputs = lasso::load_npz(model.fixed_inputs);
    } catch (const lasso::Error& error) {
      if (is_fatal(error)) throw;
      usage_error("--fixed-inputs {}", error.what());
    }
  }
  for (const std::string& text : model.fixed_sizes) {
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0) {
      usage_error("--fixed-size {}: expected NAME=N, such as batch=1", text);
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 24;
    options.fixed_sizes[text.substr(0, at)] =
        parse_integer("--fixed-size", text.substr(at + 1), 1, kMost);
  }
  return options;
}

RunOptions with_device_of(const std::string& path, const RunOptions& run) {
  RunOptions result = run;
  if (result.device.empty()) result.device = engine_device(path);
  return result;
}

OpenModel open_model(const ModelOptions& model, const RunOptions& run_options) {
  if (is_random(model.model)) {
    check_random(model.model);
    return open_random(model.model, model_options(model, run_options));
  }
  const std::string path = find_model(model.model);
  const RunOptions run = with_device_of(path, run_options);
  const lasso::EngineOptions options = model_options(model, run);
  const bool is_engine = begins_like_engine(path);
  const Progress progress(fmt::format("loading {}", path));
  const Stopwatch watch;
  lasso::Engine engine =
      open_engine([&] { return lasso::Engine::open(path, options, {model.verify}); },
                  {path, is_engine ? Stage::kEngineFile : Stage::kModel, model.config});
  return {std::move(engine), path, watch.milliseconds()};
}

OpenModel open_sam(const ModelOptions& model, const RunOptions& run) {
  OpenModel open = open_model(model, run);
  if (!open.engine.info().sam) {
    throw Failure(Exit::kBadModel,
                  fmt::format("{}: a model of the family \"{}\", and one of \"sam\" is needed "
                              "here; \"lasso detect\" and \"lasso bench --detect\" run detectors, "
                              "\"lasso run\" runs tensors of any model",
                              open.path, open.engine.info().family));
  }
  return open;
}

bool is_random(const std::string& file) { return file.rfind(kRandomPrefix, 0) == 0; }

std::string random_name(const std::string& arch) { return std::string(kRandomPrefix) + arch; }

void check_random(const std::string& file) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : random_models()) names.push_back(name);
  if (random_models().count(file) == 0) {
    usage_error("{}: expected {}", file, join_choices(names));
  }
}

std::uint64_t random_weight_bytes(const std::string& file) { return random_models().at(file); }

OpenModel open_random(const std::string& file, const lasso::EngineOptions& options) {
  const std::string arch = file.substr(kRandomPrefix.size());
  const Progress progress("building " + arch + " with random weights");
  const Stopwatch watch;
  lasso::Engine engine = open_engine([&] { return lasso::Engine::random(arch, 1, options); }, {});
  return {std::move(engine), file, watch.milliseconds()};
}

}  // namespace lasso::app
