#include "lasso/engine.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "api/engine_impl.h"
#include "api/profiles.h"
#include "api/tensor.h"
#include "core/access.h"
#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/cpu_features.h"
#include "core/guard.h"
#include "core/memory.h"
#include "core/threads.h"
#include "engine/compile/time_kernels.h"
#include "engine/run/plan.h"
#include "graph/graph.h"
#include "image/preprocess.h"
#include "models/onnx/family.h"
#include "models/sam/family.h"
#include "models/sam_onnx/parts.h"
#include "models/sam_onnx/roles.h"
#include "models/unsupported.h"
#include "runtimes/runtimes.h"

namespace lasso {

namespace {

constexpr std::pair<Precision, const char*> kPrecisions[] = {{Precision::kFp32, "fp32"},
                                                             {Precision::kFp16, "fp16"},
                                                             {Precision::kBf16, "bf16"},
                                                             {Precision::kInt8, "int8"},
                                                             {Precision::kAuto, "auto"}};

engine::CompileOptions compile_options(const ModelDescription& description,
                                       const EngineSettings& settings) {
  engine::CompileOptions options = settings.measured();
  options.precision = description.precision_plan(settings.precision, options);
  return options;
}

engine::ModelRecord record_of(const ModelDescription& description, const EngineSettings& settings) {
  engine::ModelRecord record = description.record();
  record.precision = to_string(settings.precision);
  return record;
}

graph::Module programs_of(const ModelDescription& description, const EngineSettings& settings) {
  graph::Module module = description.programs();
  apply_profiles(settings.options.profiles, module);
  return module;
}

Model compile_model(const Family& family, const ModelDescription& description,
                    const EngineSettings& settings, const std::string& source) {
  engine::CompileOptions options = compile_options(description, settings);
  engine::LoadedEngine compiled;
  compiled.model = record_of(description, settings);
  compiled.module = engine::compile(programs_of(description, settings), options);
  return make_model(family, std::move(compiled), source);
}

Model build_model(const Family& family, const ModelDescription& description,
                  const EngineSettings& settings, const std::string& source) {
  check_memory(source, "building", description.build_memory(false), settings.options.memory_limit);
  return compile_model(family, description, settings, source);
}

Model build_model(const ModelSource& source, const EngineOptions& options) {
  const EngineSettings settings(options);
  const Family& family = recognise(source);
  return build_model(family, *family.describe(source, settings.describe), settings, source.path());
}

void build_model_file(const ModelDescription& description, const std::string& engine_path,
                      const EngineSettings& settings, const std::string& source) {
  check_memory(source, "building", description.build_memory(true), settings.options.memory_limit);
  const engine::CompileOptions compile = compile_options(description, settings);
  engine::build_engine_file(
      engine_path, record_of(description, settings), [&](engine::WeightSink& sink) {
        return engine::compile(programs_of(description, settings), compile, sink);
      });
}

// Takes weights for packed, and packs none.
class NoWeights final : public engine::WeightSink {
 public:
  void begin(std::uint64_t size) override { size_ = size; }
  void store(const engine::StoredBytes& /*place*/, const Fill& /*fill*/) override {}
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
};

std::vector<std::uint64_t> arena_bytes_of(const engine::CompiledModule& module, int threads) {
  backend::TargetInfo target = module.options.target;
  target.threads = thread_count(threads);
  const auto& gpus = module.options.devices;
  const auto device = gpus == nullptr ? backend::make_cpu_device(target) : gpus->first();
  // Nothing is read from there: where a preview has no weights, any place will do.
  const std::byte* weights = module.weights.data();
  if (weights == nullptr) weights = reinterpret_cast<const std::byte*>(kAlignment);
  std::vector<std::uint64_t> bytes;
  for (const engine::CompiledProgram& program : module.programs) {
    std::vector<std::int64_t> sizes;
    for (const std::string& symbol : program.symbols) {
      sizes.push_back(program.graph.typical.at(symbol));
    }
    const engine::Plan plan(module, program, *device, weights, sizes);
    bytes.push_back(plan.arena_bytes());
  }
  return bytes;
}

// What `make` returns, or nothing and the reason why it is not supported.
template <typename F>
auto make_or_tell(std::vector<std::string>& unsupported, const F& make) -> decltype(make()) {
  try {
    return make();
  } catch (const UnsupportedParts& error) {
    unsupported = error.parts();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    unsupported.emplace_back(error.what());
  }
  return nullptr;
}

EnginePreview preview_model(const ModelSource& source, EngineOptions options) {
  options.time_kernels = false;
  const EngineSettings settings(options);
  const Family& family = recognise(source);
  EnginePreview preview;
  const auto description =
      make_or_tell(preview.unsupported, [&] { return family.describe(source, settings.describe); });
  if (description == nullptr) return preview;
  const engine::CompileOptions compile = compile_options(*description, settings);
  NoWeights sink;
  engine::LoadedEngine compiled;
  compiled.model = record_of(*description, settings);
  compiled.module = make_or_tell(preview.unsupported, [&] {
    return std::make_shared<const engine::CompiledModule>(
        engine::compile(programs_of(*description, settings), compile, sink));
  });
  if (compiled.module == nullptr) return preview;
  const Model model = make_model(family, std::move(compiled), source.path());
  preview.info = engine_info(model);
  preview.info.weight_bytes = sink.size();
  preview.arena_bytes = arena_bytes_of(*model.module, options.threads);
  return preview;
}

void build_model_file(const ModelSource& source, const std::string& engine_path,
                      const EngineOptions& options) {
  const EngineSettings settings(options);
  build_model_file(*recognise(source).describe(source, settings.describe), engine_path, settings,
                   source.path());
}

sam_onnx::Parts sources_of(const ModelParts& parts) {
  sam_onnx::Parts sources;
  for (const std::string& path : parts.encoders) sources.encoders.emplace_back(path);
  if (!parts.decoder.empty()) sources.decoder.emplace(parts.decoder);
  if (!parts.model.empty()) sources.model.emplace(parts.model);
  sources.roles = parts.roles;
  return sources;
}

// With which messages about the whole begin.
std::string name_of(const ModelParts& parts) {
  return !parts.decoder.empty() ? parts.decoder : parts.model;
}

Model assemble_foreign(const ModelParts& parts, const EngineSettings& settings) {
  LASSO_CHECK(settings.precision == Precision::kFp32, ErrorCode::kInvalidArgument,
              "the runtime \"{}\" runs models in their own precision, and {} is asked for",
              parts.runtime, to_string(settings.precision));
  const RuntimeInfo runtime = runtimes::named(parts.runtime).info();
  return sam_onnx::describe_foreign(sources_of(parts), settings.describe, settings.measured(),
                                    runtime.name, parts.provider);
}

Model load_model(const ModelSource& source, const EngineOptions& options, bool verify) {
  Model model = load_engine(source, EngineSettings(options).reading(verify));
  const bool known =
      std::any_of(std::begin(kPrecisions), std::end(kPrecisions),
                  [&](const auto& entry) { return entry.second == model.record.precision; });
  LASSO_CHECK(known, ErrorCode::kUnsupported,
              "{}: an engine in the precision \"{}\", which this release does not have",
              source.path(), model.record.precision);
  if (model.module->options.devices == nullptr) cpu_features(options.isa);  // throws for a GPU's
  return model;
}

void check_device(const std::string& path, const Engine::Impl& engine, const std::string& device) {
  LASSO_CHECK(device.empty() || to_string(parse_device(device).kind) == engine.info.device,
              ErrorCode::kInvalidArgument,
              "{}: the engine was built for the device \"{}\", and \"{}\" is asked for; build "
              "another one from its checkpoint",
              path, engine.info.device, device);
}

// An engine's options were taken when it was built.
void check_agreement(const std::string& path, const Engine::Impl& engine,
                     const EngineOptions& options) {
  const std::string& preprocess = engine.info.preprocess;
  LASSO_CHECK(
      options.preprocess.empty() || options.preprocess == preprocess, ErrorCode::kInvalidArgument,
      "{}: the engine was built to prepare images by \"{}\", and \"{}\" is asked for; build "
      "another one from its checkpoint",
      path, preprocess, options.preprocess);
  LASSO_CHECK(options.kernels == Kernels::kFast || engine.model.module->options.reference,
              ErrorCode::kInvalidArgument,
              "{}: the engine's weights are packed for the fast kernels, and the reference kernels "
              "are asked for; these need the checkpoint, or an engine that was built for them",
              path);
  check_device(path, engine, options.device);
  const std::string& precision = engine.info.precision;
  LASSO_CHECK(!options.precision || to_string(*options.precision) == precision,
              ErrorCode::kInvalidArgument,
              "{}: the engine was built in {}, and {} is asked for; build another one from its "
              "checkpoint",
              path, precision, to_string(*options.precision));
  LASSO_CHECK(
      !options.tf32 || engine.info.tf32 || engine.info.device == "cpu", ErrorCode::kInvalidArgument,
      "{}: the engine was built without TF32, and TF32 is asked for; build another one from "
      "its checkpoint",
      path);
  LASSO_CHECK(options.profiles.empty(), ErrorCode::kInvalidArgument,
              "{}: an engine file holds its profiles, and one of \"{}\" is given beside it", path,
              options.profiles.front().symbol);
  LASSO_CHECK(options.fixed_inputs.empty() && options.fixed_sizes.empty(),
              ErrorCode::kInvalidArgument,
              "{}: an engine file holds what was fixed, and inputs or sizes to fix are given "
              "beside it",
              path);
  LASSO_CHECK(options.config_path.empty(), ErrorCode::kInvalidArgument,
              "{}: an engine file holds its configuration, and {} is given beside it", path,
              options.config_path);
}

Tensor copied(const std::string& name, const HostTensor& tensor) {
  const auto bytes = std::make_shared<const std::vector<std::byte>>(tensor.bytes);
  Tensor copy{dtype_of(tensor.type), tensor.shape,
              std::shared_ptr<const void>(bytes, bytes->data()), nullptr};
  LASSO_CHECK(copy.bytes() == bytes->size(), ErrorCode::kInvalidArgument,
              "fixed input \"{}\" has {} bytes, and {} are those of its shape", name, bytes->size(),
              copy.bytes());
  return copy;
}

}  // namespace

EngineSettings::EngineSettings(const EngineOptions& options)
    : options(options),
      device(parse_device(options.device)),
      precision(options.precision.value_or(Precision::kFp32)),
      describe{options.config_path, options.preprocess, {}, options.fixed_sizes} {
  for (const auto& [name, tensor] : options.fixed_inputs) {
    describe.fixed_inputs[name] = copied(name, tensor);
  }
  if (!options.preprocess.empty()) preprocess_preset(options.preprocess);  // throws if unknown
  const bool cuda = device.kind == backend::DeviceKind::kCuda || is_gpu_cap(options.isa);
  compile.reference = options.kernels == Kernels::kReference;
  compile.target.features = cpu_features(cuda ? std::string() : options.isa);
  compile.target.threads = thread_count(options.threads);
  if (options.time_kernels) {
    compile.times = std::make_shared<engine::KernelTimes>(options.memory_limit);
  }
}

engine::CompileOptions EngineSettings::measured() const {
  engine::CompileOptions measured = compile;
  if (device.kind == backend::DeviceKind::kCuda) {
    measured.devices = open_gpus(options);
    measured.target = measured.devices->first()->target();
    measured.target.features = compile.target.features;
    measured.target.threads = compile.target.threads;
  } else {
    cpu_features(options.isa);  // throws for a GPU's
    measured.target = backend::cpu_target(compile.target.features, compile.target.threads);
  }
  return measured;
}

engine::ReadOptions EngineSettings::reading(bool verify) const {
  engine::ReadOptions read;
  read.features = compile.target.features;
  read.threads = compile.target.threads;
  read.verify = verify;
  // It outlives these settings.
  read.open_gpus = [options = options, kind = device.kind](bool tf32) {
    LASSO_CHECK(options.device.empty() || kind == backend::DeviceKind::kCuda,
                ErrorCode::kInvalidArgument,
                "built for the device \"cuda\", and \"{}\" is asked for; build another engine from "
                "its checkpoint",
                options.device);
    EngineOptions gpus = options;
    gpus.tf32 = tf32;
    return open_gpus(gpus);
  };
  return read;
}

int thread_count(int option) {
  LASSO_CHECK(option >= 0 && option <= 4096, ErrorCode::kInvalidArgument,
              "threads is {}: expected 0 (the default number) to 4096", option);
  return option == 0 ? default_threads() : option;
}

void check_memory(const std::string& path, const char* work, std::uint64_t needed,
                  std::uint64_t limit) {
  LASSO_CHECK(limit == 0 || needed <= limit, ErrorCode::kOutOfMemory,
              "{}: {} needs about {} MiB of memory, and the limit is {}", path, work,
              (needed + kMiB - 1) / kMiB,
              limit < kMiB ? fmt::format("{} bytes", limit)
                           : fmt::format("{:.4g} MiB", static_cast<double>(limit) / kMiB));
}

std::shared_ptr<const Engine::Impl> make_engine(Model model) {
  auto impl = std::make_shared<Engine::Impl>();
  impl->info = engine_info(model);
  impl->model = std::move(model);
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
  fail(ErrorCode::kInvalidArgument, "precision \"{}\": expected fp32, fp16, bf16, int8 or auto",
       name);
}

Engine::Engine(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Engine Engine::build(const std::string& path, const EngineOptions& options) {
  return guarded([&] { return Engine(make_engine(build_model(ModelSource(path), options))); });
}

EnginePreview Engine::preview(const std::string& path, const EngineOptions& options) {
  return guarded([&] { return preview_model(ModelSource(path), options); });
}

Engine Engine::build_file(const std::string& path, const std::string& engine_path,
                          const EngineOptions& options) {
  return guarded([&] {
    build_model_file(ModelSource(path), engine_path, options);
    return Engine(make_engine(load_model(ModelSource(engine_path), options, false)));
  });
}

std::string describe_part(const std::string& path) {
  return guarded([&] {
    const ModelSource source(path);
    return source.kind() == FileKind::kOnnx ? sam_onnx::describe_roles(onnx::read_model(source))
                                            : "";
  });
}

Engine Engine::assemble(const ModelParts& parts, const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    if (!parts.runtime.empty()) return Engine(make_engine(assemble_foreign(parts, settings)));
    const auto description = sam_onnx::describe_parts(sources_of(parts), settings.describe);
    return Engine(make_engine(build_model(sam::family(), *description, settings, name_of(parts))));
  });
}

Engine Engine::assemble_file(const ModelParts& parts, const std::string& engine_path,
                             const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    LASSO_CHECK(parts.runtime.empty(), ErrorCode::kUnsupported,
                "{}: what the runtime \"{}\" runs is no part of an engine file", name_of(parts),
                parts.runtime);
    build_model_file(*sam_onnx::describe_parts(sources_of(parts), settings.describe), engine_path,
                     settings, name_of(parts));
    return Engine(make_engine(load_model(ModelSource(engine_path), options, false)));
  });
}

Engine Engine::load(const std::string& path, const LoadOptions& options) {
  return guarded([&] {
    EngineOptions engine_options;
    engine_options.isa = options.isa;
    engine_options.device = options.device;
    auto engine = make_engine(load_model(ModelSource(path), engine_options, options.verify));
    check_device(path, *engine, options.device);
    return Engine(std::move(engine));
  });
}

Engine Engine::open(const std::string& path, const EngineOptions& options,
                    const LoadOptions& load) {
  return guarded([&] {
    const ModelSource source(path);
    if (source.kind() != FileKind::kLassoEngine) {
      return Engine(make_engine(build_model(source, options)));
    }
    auto engine = make_engine(load_model(source, options, load.verify));
    check_agreement(path, *engine, options);
    return Engine(std::move(engine));
  });
}

void Engine::save(const std::string& path) const {
  guarded([&] {
    const Model& model = impl_->model;
    const bool is_foreign =
        model.family == &sam::family() && sam::model_of(model, "")->foreign != nullptr;
    LASSO_CHECK(!is_foreign, ErrorCode::kUnsupported,
                "{}: what another runtime runs is no part of an engine file", path);
    engine::write_engine_file(path, *model.module, model.record);
  });
}

Engine Engine::random(const std::string& architecture, std::uint64_t seed,
                      const EngineOptions& options) {
  return guarded([&] {
    const EngineSettings settings(options);
    std::vector<std::string> known;
    for (const Family* family : families()) {
      for (const std::string& name : family->architectures()) {
        known.push_back(name);
        if (name != architecture) continue;
        LASSO_CHECK(options.config_path.empty(), ErrorCode::kInvalidArgument,
                    "architecture {}: it has its configuration, and {} is given beside it",
                    architecture, options.config_path);
        const auto description = family->random(architecture, seed, settings.describe);
        check_memory(architecture, "building", description->build_memory(false),
                     options.memory_limit);
        return Engine(make_engine(compile_model(*family, *description, settings, architecture)));
      }
    }
    fail(ErrorCode::kInvalidArgument, "architecture \"{}\": expected one of {}", architecture,
         fmt::join(known, ", "));
  });
}

const EngineInfo& Engine::info() const { return impl_->info; }

std::vector<std::uint64_t> Engine::arena_bytes(int threads) const {
  return guarded([&] { return arena_bytes_of(*impl_->model.module, threads); });
}

std::string Engine::dump() const {
  std::string text;
  for (const engine::CompiledProgram& program : impl_->model.module->programs) {
    text += graph::to_string(program.graph) + "\n";
  }
  return text;
}

}  // namespace lasso
