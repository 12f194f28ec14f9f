#include "lasso/engine.h"

#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/isa.h"
#include "core/threads.h"
#include "graph/graph.h"
#include "models/sam/checkpoint.h"
#include "models/sam/precision.h"

namespace lasso {

namespace {

std::string describe_argument(const graph::Value& value) {
  return fmt::format("{}: {} {}", value.name, to_string(value.dtype),
                     graph::to_string(value.shape));
}

struct FactorsOf {
  DType input;

  const char* operator()(const graph::Linear& op) const { return name(op.weights); }
  const char* operator()(const graph::WindowAttention&) const { return name(input); }
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
  layer.precision = std::visit(FactorsOf{graph.value(node.inputs.front()).dtype}, node.op);
  if (compiled.family == nullptr) {
    layer.kernel = "alias";
  } else {
    layer.kernel = std::string(compiled.family->kernel_name(compiled.kernel));
    if (!compiled.implementation.empty()) layer.kernel += " (" + compiled.implementation + ")";
    layer.isa = std::string(to_string(compiled.family->kernel_isa(compiled.kernel)));
  }
  layer.rejected = compiled.rejected;
  layer.weight_bytes = compiled.packed_bytes;
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

EngineInfo engine_info(const sam::SamModel& model, Precision precision) {
  const sam::SamConfig& config = model.config;
  EngineInfo info;
  info.model = sam::model_name(config);
  info.model_hash = model.hash;
  info.preprocess = model.preprocess.name;
  info.device = "cpu";
  info.isa = model.module->options.reference ? "reference"
                                             : std::string(to_string(model.module->options.isa));
  info.precision = to_string(precision);
  info.image_size = config.image_size;
  info.patch_size = config.patch_size;
  info.embed_dim = config.embed_dim;
  info.depth = config.depth;
  info.num_heads = config.num_heads;
  info.window_size = config.window_size;
  info.global_blocks = config.global_blocks;
  info.prompt_dim = config.prompt_dim;
  info.parameters = model.parameters;
  info.weight_bytes = model.module->weight_bytes;
  for (const engine::CompiledProgram& program : model.module->programs) {
    info.programs.push_back(program_info(program));
  }
  return info;
}

// What can be refused before a checkpoint is read.
struct Settings {
  explicit Settings(const EngineOptions& options)
      : preprocess(preprocess_preset(options.preprocess.empty() ? "sam" : options.preprocess)) {
    compile.reference = options.kernels == Kernels::kReference;
    compile.isa = usable_isa();
    compile.threads = available_cores();
    precision = options.precision;
  }
  engine::CompileOptions compile;
  Precision precision = Precision::kFp32;
  Preprocess preprocess;
};

std::shared_ptr<const Engine::Impl> build_engine(const sam::SamCheckpoint& checkpoint,
                                                 const Settings& settings) {
  auto impl = std::make_shared<Engine::Impl>();
  engine::CompileOptions options = settings.compile;
  options.precision =
      sam::precision_plan(checkpoint.config, settings.precision, options.isa, options.reference);
  impl->model = std::make_shared<const sam::SamModel>(
      sam::compile_model(checkpoint, settings.preprocess, options));
  impl->info = engine_info(*impl->model, settings.precision);
  return impl;
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

constexpr std::pair<Precision, const char*> kPrecisions[] = {
    {Precision::kFp32, "fp32"}, {Precision::kBf16, "bf16"}, {Precision::kInt8, "int8"}};

}  // namespace

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
  fail(ErrorCode::kInvalidArgument, "precision \"{}\": expected fp32, bf16 or int8", name);
}

Engine::Engine(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Engine Engine::build(const std::string& path, const EngineOptions& options) {
  return guarded([&] {
    const Settings settings(options);
    return Engine(build_engine(sam::load_sam_checkpoint(path, options.config_path), settings));
  });
}

Engine Engine::random(SamArch arch, std::uint64_t seed, const EngineOptions& options) {
  return guarded([&] {
    const Settings settings(options);
    const sam::SamConfig config = config_of(arch);
    return Engine(build_engine({config, sam::random_weights(config, seed)}, settings));
  });
}

const EngineInfo& Engine::info() const { return impl_->info; }

std::string Engine::dump() const {
  std::string text;
  for (const engine::CompiledProgram& program : impl_->model->module->programs) {
    text += graph::to_string(program.graph) + "\n";
  }
  return text;
}

}  // namespace lasso
