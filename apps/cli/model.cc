#include "model.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

#include "console.h"
#include "statistics.h"
#include "values.h"

namespace lasso::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCheckpoints =
    "https://github.com/facebookresearch/segment-anything#model-checkpoints";

}  // namespace

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    folders.push_back((program.parent_path().parent_path() / "share/lasso/models"));
  }
#ifdef LASSO_SOURCE_MODELS
  folders.emplace_back(LASSO_SOURCE_MODELS);
#endif
  return folders;
}

std::string find_model(const std::string& model) {
  std::string path = model;
  if (path.empty()) {
    const char* variable = std::getenv("LASSO_MODEL");
    if (variable != nullptr) path = variable;
  }
  std::error_code ignored;
  if (!path.empty()) {
    if (fs::is_directory(path, ignored)) {
      throw Failure(Exit::kBadModel,
                    fmt::format("{}: is a folder; this release of Lasso reads a model from one "
                                "file, a SAM checkpoint (.pth, .pt or .safetensors) or an engine "
                                "(.lasso)",
                                path));
    }
    return path;
  }
  std::string looked;
  for (const fs::path& folder : model_folders()) {
    for (const char* name : {"lasso-tiny.pth", "lasso-micro.pth"}) {
      const fs::path candidate = folder / name;
      if (!fs::is_regular_file(candidate, ignored)) continue;
      print_warning(fmt::format(
          "no model given: using the small demo checkpoint {}, far from the accuracy of Meta's; "
          "those are at {}",
          candidate.string(), kCheckpoints));
      return candidate.string();
    }
    looked += (looked.empty() ? "" : " and ") + folder.string();
  }
  throw Failure(Exit::kBadModel,
                fmt::format("no model given, and there is no demo checkpoint (lasso-tiny.pth or "
                            "lasso-micro.pth) in {}; Meta's checkpoints are at {}",
                            looked, kCheckpoints));
}

namespace {

// What an engine file begins with, whatever its version.
bool begins_like_engine(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(5, '\0');
  return file.read(head.data(), static_cast<std::streamsize>(head.size())) && head == "LASSO";
}

}  // namespace

lasso::Engine open_engine(const std::function<lasso::Engine()>& open, Stage stage) {
  try {
    return open();
  } catch (const lasso::Error& error) {
    throw Failure(exit_for(error, stage), error.what());
  } catch (const std::bad_alloc&) {
    throw Failure(Exit::kDeviceOrMemory, "out of memory while the model was loaded");
  }
}

lasso::EngineOptions model_options(const ModelOptions& model, const RunOptions& run) {
  if (!model.preprocess.empty()) {
    parse_choice("--preprocess", model.preprocess, {"sam", "medsam"});
  }
  std::error_code ignored;
  if (!model.config.empty() && !fs::is_regular_file(model.config, ignored)) {
    usage_error("--config {}: there is no such file", model.config);
  }
  lasso::EngineOptions options;
  options.kernels = run.kernel_choice();
  if (!run.precision.empty()) options.precision = lasso::precision_from_string(run.precision);
  options.preprocess = model.preprocess;
  options.config_path = model.config;
  return options;
}

OpenModel open_model(const ModelOptions& model, const RunOptions& run) {
  const lasso::EngineOptions options = model_options(model, run);
  const std::string path = find_model(model.model);
  const Progress progress(fmt::format("loading {}", path));
  const auto start = std::chrono::steady_clock::now();
  lasso::Engine engine =
      open_engine([&] { return lasso::Engine::open(path, options, {model.verify}); },
                  begins_like_engine(path) ? Stage::kEngineFile : Stage::kModel);
  return {std::move(engine), path, milliseconds_since(start)};
}

OpenModel open_sam(const ModelOptions& model, const RunOptions& run) {
  OpenModel open = open_model(model, run);
  if (!open.engine.info().sam) {
    throw Failure(Exit::kBadModel,
                  fmt::format("{}: a model of the family \"{}\", and one of \"sam\" is needed "
                              "here; \"lasso run\" runs its tensors",
                              open.path, open.engine.info().family));
  }
  return open;
}

OpenModel open_random(const std::string& arch, const lasso::EngineOptions& options) {
  const Progress progress("building " + arch + " with random weights");
  const auto start = std::chrono::steady_clock::now();
  lasso::Engine engine = open_engine([&] { return lasso::Engine::random(arch, 1, options); });
  return {std::move(engine), arch, milliseconds_since(start)};
}

}  // namespace lasso::cli
