#include "lasso/engine.h"

#include <algorithm>
#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/check.h"
#include "core/cpu_features.h"
#include "core/guard.h"
#include "core/threads.h"
#include "engine/plan.h"
#include "engine/time_kernels.h"
#include "formats/checkpoint.h"
#include "graph/graph.h"
#include "models/sam/checkpoint.h"
#include "models/sam/model_file.h"
#include "models/sam/precision.h"

namespace lasso {

namespace {

constexpr std::pair<Precision, const char*> kPrecisions[] = {{Precision::kFp32, "fp32"},
                                                             {Precision::kBf16, "bf16"},
                                                             {Precision::kInt8, "int8"},
                                                             {Precision::kAuto, "auto"}};

std::string describe_argument(const graph::Value& value) {
  return fmt::format("{}: {} {}", value.name, to_string(value.dtype),
                     graph::to_string(value.shape));
}

// What a layer's factors are in; of a conversion, what it makes them into.
struct FactorsOf {
  DType input;
  DType result;

  const char* operator()(const graph::Linear& op) const { return name(op.weights); }
  const char* operator()(const graph::Conv2d& op) const { return name(op.weights); }
  const char* operator()(const graph::ConvTranspose2d& op) const { return name(op.weights); }
  const char* operator()(const graph::WindowAttention&) const { return name(input); }
  const char* operator()(const graph::Cast&) const { return name(result); }
  const char* operator()(const graph::Quantize&) const { return "int8"; }
  template <typename Other>
  const char* operator()(const Other&) const {
    return "fp32";
  }
  static const char* name(DType dtype) {
    return dtype == DType::kI8 ? "int8" : dtype == DType::kBF16 ? "bf16" : "fp32";
  }
};

LayerInfo layer_info(const engine::CompiledProgram& program, std::size_t index) {
  const graph::Graph& graph = program.graph;
  const graph::Node& node = graph.nodes[index];
  const engine::CompiledNode& compiled = program.nodes[index];
  const graph::Value& result = graph.value(node.outputs.front());
  LayerInfo layer;
  layer.name = result.name;
  layer.op = std::string(graph::op_name(node.op));
  layer.shape = graph::to_string(result.shape);
  if (const auto* attention = std::get_if<graph::WindowAttention>(&node.op)) {
    layer.window = static_cast<int>(attention->window);
  }
  layer.precision =
      std::visit(FactorsOf{graph.value(node.inputs.front()).dtype, result.dtype}, node.op);
  if (compiled.family == nullptr) {
    layer.kernel = "alias";
  } else {
    layer.kernel = std::string(compiled.family->kernel_name(compiled.kernel));
    if (!compiled.implementation.empty()) layer.kernel += " (" + compiled.implementation + ")";
    layer.isa = std::string(kernels::isa_name(compiled.family->needs(compiled.kernel)));
  }
  for (const graph::ValueId id : node.inputs) {
    layer.input_shapes.push_back(id == graph::kNoValue ? ""
                                                       : graph::to_string(graph.value(id).shape));
  }
  layer.rejected = compiled.rejected;
  for (const engine::KernelTime& time : compiled.times) {
    layer.times.push_back(fmt::format("{}: {:.3g} ms", time.kernel, time.ms));
  }
  layer.weight_bytes = compiled.packed.bytes;
  layer.gflop = graph::flops(graph, node, graph.typical) * 1e-9;
  return layer;
}

ProgramInfo program_info(const engine::CompiledProgram& program) {
  ProgramInfo info;
  info.name = program.graph.name;
  for (const graph::ValueId id : program.graph.inputs) {
    info.inputs.push_back(describe_argument(program.graph.value(id)));
  }
  for (const graph::ValueId id : program.graph.outputs) {
    info.outputs.push_back(describe_argument(program.graph.value(id)));
  }
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    info.layers.push_back(layer_info(program, i));
  }
  return info;
}

EngineInfo engine_info(const sam::SamModel& model) {
  const sam::SamConfig& config = model.config;
  EngineInfo info;
  info.model = sam::model_name(config);
  info.model_hash = model.hash;
  info.preprocess = model.preprocess.name;
  info.device = "cpu";
  info.isa = model.module->options.reference
                 ? "reference"
                 : std::string(best_name(model.module->options.target.features));
  info.precision = model.precision;
  info.accuracy = model.accuracy;
  info.lasso_version = model.module->build.lasso_version;
  const auto& libraries = model.module->build.libraries;
  const auto onednn = libraries.find("oneDNN");
  info.onednn_version = onednn == libraries.end() ? "none" : onednn->second;
  info.needed_isa = to_string(model.module->build.needed);
  info.image_size = config.image_size;
  info.patch_size = config.patch_size;
  info.embed_dim = config.embed_dim;
  info.depth = config.depth;
  info.num_heads = config.num_heads;
  info.window_size = config.window_size;
  info.global_blocks = config.global_blocks;
  info.prompt_dim = config.prompt_dim;
  info.candidates = config.num_multimask_outputs;
  info.parameters = model.parameters;
  info.weight_bytes = model.module->weights.size();
  for (const engine::CompiledProgram& program : model.module->programs) {
    info.programs.push_back(program_info(program));
  }
  return info;
}

engine::CompileOptions compile_options(const EngineSettings& settings,
                                       const sam::SamConfig& config) {
  engine::CompileOptions options = settings.measured();
  options.precision =
      sam::precision_plan(config, settings.precision, options.target, options.reference);
  return options;
}

std::shared_ptr<const Engine::Impl> build_engine(const sam::SamCheckpoint& checkpoint,
                                                 const EngineSettings& settings) {
  sam::SamModel model = sam::compile_model(checkpoint, settings.preprocess,
                                           compile_options(settings, checkpoint.config));
  model.precision = to_string(settings.precision);
  return make_engine(std::move(model));
}

sam::SamModel load_model(const std::string& path, const EngineOptions& options, bool verify) {
  sam::SamModel model = sam::load_model(path, EngineSettings(options).compile, verify);
  const bool known =
      std::any_of(std::begin(kPrecisions), std::end(kPrecisions),
                  [&](const auto& entry) { return entry.second == model.precision; });
  LASSO_CHECK(known, ErrorCode::kUnsupported,
              "{}: an engine in the precision \"{}\", which this release does not have", path,
              model.precision);
  return model;
}

// An engine's options were taken when it was built.
void check_agreement(const std::string& path, const sam::SamModel& model,
                     const EngineOptions& options) {
  const std::string& preprocess = model.preprocess.name;
  LASSO_CHECK(
      options.preprocess.empty() || options.preprocess == preprocess, ErrorCode::kInvalidArgument,
      "{}: the engine was built to prepare images by \"{}\", and \"{}\" is asked for; build "
      "another one from its checkpoint",
      path, preprocess, options.preprocess);
  LASSO_CHECK(options.kernels == Kernels::kFast || model.module->options.reference,
              ErrorCode::kInvalidArgument,
              "{}: the engine's weights are packed for the fast kernels, and the reference kernels "
              "are asked for; these need the checkpoint, or an engine that was built for them",
              path);
  LASSO_CHECK(!options.precision || to_string(*options.precision) == model.precision,
              ErrorCode::kInvalidArgument,
              "{}: the engine was built in {}, and {} is asked for; build another one from its "
              "checkpoint",
              path, model.precision, to_string(*options.precision));
  LASSO_CHECK(options.config_path.empty(), ErrorCode::kInvalidArgument,
              "{}: an engine file holds its configuration, and {} is given beside it", path,
              options.config_path);
}

sam::SamConfig config_of(SamArch arch) {
  switch (arch) {
    case SamArch::kVitB:
      return sam::vit_b();
    case SamArch::kVitL:
      return sam::vit_l();
    case SamArch::kVitH:
      return sam::vit_h();
  }
  fail(ErrorCode::kInvalidArgument, "architecture {} does not exist", static_cast<int>(arch));
}

}  // namespace

EngineSettings::EngineSettings(const EngineOptions& options)
    : precision(options.precision.value_or(Precision::kFp32)),
      preprocess(preprocess_preset(options.preprocess.empty() ? "sam" : options.preprocess)) {
  LASSO_CHECK(options.threads >= 0 && options.threads <= 4096, ErrorCode::kInvalidArgument,
              "threads is {}: expected 0 (all cores) to 4096", options.threads);
  compile.reference = options.kernels == Kernels::kReference;
  const CpuFeatures cap = options.isa.empty() ? cpu_features() : cpu_feature_cap(options.isa);
  const int threads = options.threads == 0 ? available_cores() : options.threads;
  compile.target.features = cpu_features() & cap;
  compile.target.threads = threads;
  if (options.time_kernels) compile.times = std::make_shared<engine::KernelTimes>();
}

engine::CompileOptions EngineSettings::measured() const {
  engine::CompileOptions options = compile;
  options.target.rates = measured_rates(options.target.features);
  return options;
}

void check_memory(const std::string& path, const char* work, std::uint64_t needed,
                  std::uint64_t limit) {
  constexpr std::uint64_t kMiB = 1 << 20;
  LASSO_CHECK(limit == 0 || needed <= limit, ErrorCode::kOutOfMemory,
              "{}: {} needs about {} MiB of memory, and the limit is {:.4g} MiB", path, work,
              (needed + kMiB - 1) / kMiB, static_cast<double>(limit) / kMiB);
}

std::shared_ptr<const Engine::Impl> make_engine(sam::SamModel model) {
  auto impl = std::make_shared<Engine::Impl>();
  impl->model = std::make_shared<const sam::SamModel>(std::move(model));
  impl->info = engine_info(*impl->model);
  return impl;
}

const char* to_string(Precision precision) noexcept {
  for (const auto& [value, name] : kPrecisions) {
    if (value == precision) return name;
  }
  return "unknown";
}

Precision precision_from_string(const std::string& name) {
  for (const auto& [value, text] : kPrecisions) {
    if (text == name) return value;
  }
  fail(ErrorCode::kInvalidArgument, "precision \"{}\": expected fp32, bf16, int8 or auto", name);
}

Engine::Engine(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Engine Engine::build(const std::string& path, const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path, options.config_path);
    check_memory(path, "building", sam::build_memory(checkpoint, false), options.memory_limit);
    return Engine(build_engine(checkpoint, settings));
  });
}

Engine Engine::build_file(const std::string& path, const std::string& engine_path,
                          const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    {
      const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path, options.config_path);
      check_memory(path, "building", sam::build_memory(checkpoint, true), options.memory_limit);
      sam::build_model_file(checkpoint, settings.preprocess,
                            compile_options(settings, checkpoint.config),
                            to_string(settings.precision), engine_path);
    }
    return Engine(make_engine(load_model(engine_path, options, false)));
  });
}

Engine Engine::load(const std::string& path, const LoadOptions& options) {
  return guarded([&] {
    EngineOptions engine_options;
    engine_options.isa = options.isa;
    return Engine(make_engine(load_model(path, engine_options, options.verify)));
  });
}

Engine Engine::open(const std::string& path, const EngineOptions& options,
                    const LoadOptions& load) {
  const FileKind kind = guarded([&] { return file_kind(*MappedFile::open(path)); });
  if (kind != FileKind::kLassoEngine) return build(path, options);
  return guarded([&] {
    sam::SamModel model = load_model(path, options, load.verify);
    check_agreement(path, model, options);
    return Engine(make_engine(std::move(model)));
  });
}

void Engine::save(const std::string& path) const {
  guarded([&] { sam::save_model(*impl_->model, path); });
}

Engine Engine::random(SamArch arch, std::uint64_t seed, const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    const sam::SamConfig config = config_of(arch);
    return Engine(build_engine({config, sam::random_weights(config, seed)}, settings));
  });
}

const EngineInfo& Engine::info() const { return impl_->info; }

std::vector<std::uint64_t> Engine::arena_bytes(int threads) const {
  return guarded([&] {
    const engine::CompiledModule& module = *impl_->model->module;
    backend::TargetInfo target = module.options.target;
    target.threads = threads == 0 ? available_cores() : threads;
    const auto device = backend::make_cpu_device(target);
    std::vector<std::uint64_t> bytes;
    for (const engine::CompiledProgram& program : module.programs) {
      std::vector<std::int64_t> sizes;
      for (const std::string& symbol : program.symbols) {
        sizes.push_back(program.graph.typical.at(symbol));
      }
      const engine::Plan plan(module, program, *device, module.weights.data(), sizes);
      bytes.push_back(plan.arena_bytes());
    }
    return bytes;
  });
}

std::string Engine::dump() const {
  std::string text;
  for (const engine::CompiledProgram& program : impl_->model->module->programs) {
    text += graph::to_string(program.graph) + "\n";
  }
  return text;
}

}  // namespace lasso
