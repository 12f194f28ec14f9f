#include "cli/model/parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <utility>

#include "cli/console.h"
#include "cli/model/other_runtime.h"
#include "common/model_files.h"
#include "core/stopwatch.h"

namespace lasso::app {

namespace {

// A file of the parts, with messages about which the model is at fault.
lasso::Engine open_file(const std::string& path, const lasso::EngineOptions& options, bool verify) {
  const Stage stage = begins_like_engine(path) ? Stage::kEngineFile : Stage::kModel;
  return open_engine([&] { return lasso::Engine::open(path, options, {verify}); }, {path, stage});
}

class Opener {
 public:
  Opener(const PartsOptions& parts, const ModelOptions& model, const RunOptions& run)
      : parts_(model_parts(parts, model.model)),
        model_(model),
        path_(main_file(parts_)),
        run_(run) {
    if (run.runtime != "lasso") choose_runtime();
    for (const std::string& path : files()) run_ = with_device_of(path, run_);
    engine_options_ = model_options(model, run_);
  }

  OpenParts open() {
    const Progress progress(fmt::format("loading {}", path_));
    const Stopwatch watch;
    const bool has_engine = begins_like_engine(path_) ||
                            std::any_of(parts_.encoders.begin(), parts_.encoders.end(),
                                        [](const auto& path) { return begins_like_engine(path); });
    OpenParts open = has_engine ? open_chain() : open_together();
    open.model.load_ms = watch.milliseconds();
    if (!parts_.runtime.empty()) open.foreign = files();
    return open;
  }

 private:
  // Lasso itself prepares images and makes masks, on the CPU.
  void choose_runtime() {
    refuse_kernel_options(run_);
    for (const std::string& path : files()) {
      if (!begins_like_engine(path)) continue;
      usage_error("{}: is an engine file, and the runtime {} runs ONNX models", path, run_.runtime);
    }
    parts_.runtime = run_.runtime;
    parts_.provider = provider_of(run_);
    run_.device = "cpu";
  }

  std::vector<std::string> files() const {
    std::vector<std::string> paths{path_};
    paths.insert(paths.end(), parts_.encoders.begin(), parts_.encoders.end());
    return paths;
  }

  lasso::Engine assemble(const lasso::ModelParts& parts) const {
    // Whichever file a message begins with, it is one of the model's.
    EngineSource source{path_, Stage::kModel, model_.config, parts_.encoders};
    return open_engine([&] { return lasso::Engine::assemble(parts, engine_options_); }, source);
  }

  OpenParts open_together() const { return {{assemble(parts_), path_, 0}, {}}; }

  OpenParts open_chain() {
    OpenParts open{{base(), path_, 0}, {}};
    lasso::EngineOptions options = engine_options_;
    options.preprocess.clear();  // images are prepared as the decoder's engine says
    options.config_path.clear();
    options.fixed_inputs.clear();
    for (const std::string& path : parts_.encoders) {
      lasso::EngineOptions own = options;
      // An engine's own, which --precision says of the ONNX decoder then.
      const bool is_own = begins_like_engine(path) && !begins_like_engine(path_);
      if (is_own) own.precision.reset();
      open.encoders.push_back(open_file(path, own, model_.verify));
    }
    return open;
  }

  // What has the decoder.
  lasso::Engine base() const {
    if (begins_like_engine(path_) || parts_.decoder.empty()) {
      if (!parts_.roles.empty()) {
        usage_error("--role {}={}: is for ONNX models that become one engine",
                    parts_.roles.begin()->first, parts_.roles.begin()->second);
      }
      lasso::Engine engine = open_file(path_, engine_options_, model_.verify);
      if (!engine.info().sam) {
        throw Failure(Exit::kBadModel,
                      fmt::format("{}: an engine of the family \"{}\", and one of \"sam\" is "
                                  "needed here; give the decoder's ONNX model itself",
                                  path_, engine.info().family));
      }
      return engine;
    }
    lasso::ModelParts parts = parts_;
    parts.encoders.clear();
    return assemble(parts);
  }

  lasso::ModelParts parts_;
  const ModelOptions& model_;
  std::string path_;  // of what has the decoder
  RunOptions run_;
  lasso::EngineOptions engine_options_;
};

}  // namespace

void add_parts_options(CLI::App* app, PartsOptions* options) {
  const char* group = "Model";
  app->add_option("--encoder", options->encoders,
                  "ONNX model or engine file of the image encoder, in place of that of --model. "
                  "Repeatable: parts of a split encoder, in their order.")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->check(not_empty)
      ->group(group);
  add_text(app, "--decoder", &options->decoder, "FILE",
           "ONNX model of the prompt encoder and mask decoder, in place of --model; or an engine "
           "file that has one.",
           group);
  app->add_option("--role", options->roles,
                  "What an input or output of an ONNX model is, where types, shapes and usual "
                  "names do not tell: point_coords=pts. Repeatable.")
      ->type_name("ROLE=NAME")
      ->allow_extra_args(false)
      ->check(not_empty)
      ->group(group);
}

lasso::ModelParts model_parts(const PartsOptions& options, const std::string& model) {
  if (options.encoders.empty() && options.decoder.empty()) {
    usage_error("--role {}: is for the models of --encoder and --decoder", options.roles.front());
  }
  lasso::ModelParts parts;
  parts.encoders = options.encoders;
  parts.decoder = options.decoder;
  for (const std::string& role : options.roles) {
    const std::size_t equals = role.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == role.size()) {
      usage_error("--role {}: expected ROLE=NAME, such as point_coords=pts", role);
    }
    if (!parts.roles.emplace(role.substr(0, equals), role.substr(equals + 1)).second) {
      usage_error("--role {}: {} is given twice", role, role.substr(0, equals));
    }
  }
  if (options.decoder.empty()) {
    parts.model = find_model(model);
  } else if (!model.empty()) {
    usage_error(
        "--decoder {} with the model {}: both have a decoder; leave one out, or give the encoder "
        "with --encoder",
        options.decoder, model);
  }
  return parts;
}

std::string main_file(const lasso::ModelParts& parts) {
  return parts.decoder.empty() ? parts.model : parts.decoder;
}

lasso::Segmenter make_segmenter(const OpenParts& open, int threads) {
  std::optional<lasso::Segmenter> segmenter;
  const auto make = [&] {
    segmenter.emplace(open.model.engine, lasso::SegmenterOptions{threads, open.encoders});
  };
  if (open.foreign.empty()) {
    make();
  } else {
    open_model_file(make, {open.model.path, Stage::kModel, "", open.foreign});
  }
  return std::move(*segmenter);
}

OpenParts open_parts(const PartsOptions& parts, const ModelOptions& model, const RunOptions& run) {
  if (parts.empty()) {
    if (run.runtime == "lasso") return {open_sam(model, run), {}};
    throw Failure(Exit::kUnsupported,
                  fmt::format("{}images and prompts run on {} by the ONNX models of an encoder and "
                              "a decoder alone; give both",
                              model.model.empty() ? "" : model.model + ": ", run.runtime));
  }
  return Opener(parts, model, run).open();
}

}  // namespace lasso::app
