// What lasso::EngineInfo says of an engine.
#include <utility>

#include "api/arguments.h"
#include "api/engine_impl.h"
#include "core/cpu_features.h"
#include "graph/graph.h"
#include "image/letterbox.h"
#include "models/accuracy.h"
#include "models/detector/recognise.h"

namespace lasso {

namespace {

std::string describe_argument(const graph::Value& value) {
  return fmt::format("{}: {} {}", value.name, to_string(value.dtype),
                     graph::to_string(value.shape));
}

// What a layer's factors are in; of a conversion, what it makes them into; and of what only moves
// numbers, these.
struct FactorsOf {
  DType input;
  DType result;

  const char* operator()(const graph::Linear& op) const { return name(op.weights); }
  const char* operator()(const graph::Conv2d& op) const { return name(op.weights); }
  const char* operator()(const graph::ConvTranspose2d& op) const { return name(op.weights); }
  const char* operator()(const graph::UpscaledProduct& op) const { return name(op.weights); }
  const char* operator()(const graph::MaskUpscaling& op) const { return name(op.weights); }
  const char* operator()(const graph::WindowAttention&) const { return name(input); }
  const char* operator()(const graph::Attention&) const { return name(input); }
  const char* operator()(const graph::Cast&) const { return name(result); }
  const char* operator()(const graph::Quantize&) const { return "int8"; }
  const char* operator()(const graph::QuantizeTensor&) const { return "int8"; }
  const char* operator()(const graph::Pool2d&) const { return moved(); }
  const char* operator()(const graph::Resize&) const { return moved(); }
  const char* operator()(const graph::Concat&) const { return moved(); }
  const char* operator()(const graph::Slice&) const { return moved(); }
  const char* operator()(const graph::Reshape&) const { return moved(); }
  const char* operator()(const graph::Transpose&) const { return moved(); }
  template <typename Other>
  const char* operator()(const Other&) const {
    return "fp32";
  }
  const char* moved() const { return result == DType::kU8 ? "int8" : name(result); }
  static const char* name(DType dtype) {
    switch (dtype) {
      case DType::kI8:
        return "int8";
      case DType::kF16:
        return "fp16";
      case DType::kBF16:
        return "bf16";
      default:
        return "fp32";
    }
  }
};

// What a node is made of, where it stands for several of a model's.
struct FusedOf {
  const graph::Node& node;

  std::string operator()(const graph::Linear& op) const {
    std::string text = with_activation("linear", op.activation);
    if (node.inputs.size() > 3 && node.inputs[3] != graph::kNoValue) {
      text = (text.empty() ? "linear" : text) + " + residual";
    }
    return text;
  }
  std::string operator()(const graph::MatMul& op) const {
    return with_activation("matmul", op.activation);
  }
  std::string operator()(const graph::Conv2d& op) const {
    return with_activation("conv2d", op.activation);
  }
  std::string operator()(const graph::ConvTranspose2d& op) const {
    return with_activation("conv_transpose2d", op.activation);
  }
  std::string operator()(const graph::Binary& op) const {
    return with_activation(std::string(graph::op_name(node.op)), op.activation);
  }
  std::string operator()(const graph::Unary& op) const {
    const bool fused = op.kind == graph::UnaryKind::kGelu || op.kind == graph::UnaryKind::kSilu;
    return fused ? std::string(graph::op_name(node.op)) : std::string();
  }
  std::string operator()(const graph::LayerNorm&) const { return name(); }
  std::string operator()(const graph::AddNorm&) const { return name(); }
  std::string operator()(const graph::WindowAttention&) const { return name(); }
  std::string operator()(const graph::Attention&) const { return name(); }
  std::string operator()(const graph::UpscaledProduct&) const { return name(); }
  std::string operator()(const graph::MaskUpscaling&) const { return name(); }
  std::string operator()(const graph::TokenToImage&) const { return name(); }
  std::string operator()(const graph::ImageToToken&) const { return name(); }
  template <typename Other>
  std::string operator()(const Other&) const {
    return {};
  }

  std::string name() const { return std::string(graph::op_name(node.op)); }
  static std::string with_activation(const std::string& name, graph::Activation activation) {
    if (activation == graph::Activation::kNone) return {};
    return fmt::format("{} + {}", name, graph::to_string(activation));
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
    layer.isa = kernels::isa_name(compiled.family->needs(compiled.kernel));
  }
  for (const graph::ValueId id : node.inputs) {
    layer.input_shapes.push_back(id == graph::kNoValue ? ""
                                                       : graph::to_string(graph.value(id).shape));
  }
  layer.fused = std::visit(FusedOf{node}, node.op);
  layer.rejected = compiled.rejected;
  for (const engine::KernelTime& time : compiled.times) {
    const bool tuned =
        time.kernel == compiled.preferred.kernel && !compiled.preferred.tuning.empty();
    layer.times.push_back(fmt::format("{}: {:.3g} ms{}", time.kernel, time.ms,
                                      tuned ? ", by " + compiled.preferred.tuning : ""));
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
  for (const std::string& symbol : program.symbols) {
    const graph::Range range = graph::range_of(program.graph.profile, symbol);
    for (const SizeRange& part : size_ranges(symbol, range, program.graph.typical.at(symbol))) {
      info.sizes.push_back(part);
    }
  }
  info.arguments = inputs_of(program.graph);
  for (ArgumentInfo& output : outputs_of(program.graph))
    info.arguments.push_back(std::move(output));
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    info.layers.push_back(layer_info(program, i));
  }
  return info;
}

// What a GPU must have for the factors of the layers.
std::string needed_capability(const std::vector<ProgramInfo>& programs) {
  for (const ProgramInfo& program : programs) {
    for (const LayerInfo& layer : program.layers) {
      if (layer.precision == "bf16") return "sm_80";
    }
  }
  return "sm_75";
}

// Where the module's sessions run.
void describe_devices(const engine::CompiledModule& module, EngineInfo& info) {
  if (module.options.devices == nullptr) {
    info.devices = {info.device};
    info.processor = cpu_model();
    return;
  }
  for (const auto& device : module.options.devices->all()) info.devices.push_back(device->name());
  info.processor = module.options.devices->first()->model();
}

std::string isa_of(const engine::CompiledModule& module) {
  const backend::TargetInfo& target = module.options.target;
  if (module.options.reference) return "reference";
  if (target.kind == backend::DeviceKind::kCuda) return fmt::format("sm_{}", target.sm);
  return std::string(best_name(target.features));
}

}  // namespace

EngineInfo engine_info(const Model& model) {
  const engine::CompiledModule& module = *model.module;
  EngineInfo info;
  info.family = model.family->name();
  info.model_hash = model.record.hash;
  info.device = to_string(module.options.target.kind);
  describe_devices(module, info);
  info.isa = isa_of(module);
  info.precision = model.record.precision;
  info.tf32 = module.options.target.tf32;
  if (!model.record.accuracy.empty()) {
    info.accuracy = accuracy_from_json(model.record.accuracy, "accuracy");
  }
  info.lasso_version = module.build.lasso_version;
  const auto& libraries = module.build.libraries;
  const auto onednn = libraries.find("oneDNN");
  info.onednn_version = onednn == libraries.end() ? "none" : onednn->second;
  info.libraries = libraries;
  info.needed_isa = to_string(module.build.needed);
  info.weight_bytes = module.weights.size();
  for (const engine::CompiledProgram& program : module.programs) {
    info.programs.push_back(program_info(program));
  }
  if (module.options.devices != nullptr) info.needed_isa = needed_capability(info.programs);
  model.family->info(model, info);
  if (auto recognised = detector::recognise(model); recognised.interface) {
    info.detector = std::move(recognised.interface->info);
    info.preprocess = kLetterboxPreset;
  }
  return info;
}

}  // namespace lasso
