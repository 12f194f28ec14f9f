#include "engine/compile/compile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/bytes.h"
#include "core/check.h"
#include "core/convert.h"
#include "core/threads.h"
#include "engine/compile/choose_kernel.h"
#include "engine/compile/time_kernels.h"
#include "kernels/registry.h"
#include "lasso/version.h"
#include "passes/pass.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

// The constant with the type that its value has in the graph: float16, bfloat16 and float64 become
// float32.
void copy_constant(const Value& value, std::byte* out) {
  const Tensor tensor = value.constant->dense();
  if (value.dtype == DType::kF32) {
    read_f32(tensor.view(), reinterpret_cast<float*>(out));
    return;
  }
  LASSO_CHECK(tensor.dtype == value.dtype, ErrorCode::kInternal, "constant {} of type {}",
              value.name, to_string(tensor.dtype));
  copy_bytes(out, tensor.data.get(), tensor.bytes());
}

// Packed weights and plain constants, each stored once for all programs that use it: first their
// places are given out, and when all are known, they are written.
class ConstantStore {
 public:
  StoredBytes packed(const kernels::Family& family, std::size_t kernel, const kernels::Call& call,
                     const PackedForm& form, const std::vector<const Value*>& values) {
    PackedKey key{form.layout, form.bytes, {}};
    for (const Value* value : values) {
      std::get<2>(key).push_back(value == nullptr ? Source{} : source_of(*value));
    }
    StoredBytes& stored = packed_[key];
    if (stored.bytes == 0 && form.bytes > 0) {
      stored =
          place(form.bytes, [&family, kernel, call, tensors = tensors_of(values)](std::byte* out) {
            std::vector<Tensor> dense;
            for (const auto& tensor : tensors) {
              if (tensor) tensor->check_file();
              dense.push_back(tensor ? tensor->dense() : Tensor{});
            }
            family.pack(kernel, call, views_of(dense), out);
            for (const auto& tensor : tensors) {
              if (!tensor) continue;
              tensor->check_file();
              tensor->release_pages();
            }
          });
    }
    return stored;
  }

  StoredBytes plain(const Value& value) {
    StoredBytes& stored = plain_[source_of(value)];
    if (stored.bytes == 0) {
      const auto bytes =
          static_cast<std::size_t>(element_count(value.constant->dims)) * size_of(value.dtype);
      stored = place(std::max<std::size_t>(bytes, 1), [value](std::byte* out) {
        value.constant->check_file();
        copy_constant(value, out);
        value.constant->check_file();
        value.constant->release_pages();
      });
    }
    return stored;
  }

  void write(WeightSink& sink) const {
    sink.begin(size_);
    for (const auto& [stored, fill] : jobs_) sink.store(stored, fill);
  }

  // What pack() takes, of values or none.
  static std::vector<Tensor> dense_of(const std::vector<const Value*>& values) {
    std::vector<Tensor> tensors;
    for (const Value* value : values) {
      tensors.push_back(value == nullptr ? Tensor{} : tensor_of(*value).dense());
    }
    return tensors;
  }
  static std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
    std::vector<TensorView> views;
    for (const Tensor& tensor : tensors) views.push_back(tensor.view());
    return views;
  }

 private:
  // Where a constant comes from. A checkpoint may view one storage as several tensors, which are
  // the same constant only if address, type and shape agree.
  using Source = std::tuple<const void*, DType, Dims, bool>;
  using PackedKey = std::tuple<std::string, std::size_t, std::vector<Source>>;

  static Source source_of(const Value& value) {
    const Tensor& tensor = tensor_of(value);
    return {tensor.data.get(), tensor.dtype, tensor.dims, tensor.transposed};
  }

  static const Tensor& tensor_of(const Value& value) {
    const Tensor& tensor = *value.constant;
    LASSO_CHECK(tensor.data != nullptr || tensor.bytes() == 0, ErrorCode::kInternal,
                "constant {} has no data", value.name);
    return tensor;
  }

  static std::vector<std::optional<Tensor>> tensors_of(const std::vector<const Value*>& values) {
    std::vector<std::optional<Tensor>> tensors;
    for (const Value* value : values) {
      tensors.push_back(value == nullptr ? std::nullopt : value->constant);
    }
    return tensors;
  }

  StoredBytes place(std::size_t bytes, WeightSink::Fill fill) {
    const StoredBytes stored{align_up(size_), bytes};
    size_ = stored.offset + bytes;
    jobs_.emplace_back(stored, std::move(fill));
    return stored;
  }

  std::uint64_t size_ = 0;
  std::vector<std::pair<StoredBytes, WeightSink::Fill>> jobs_;  // by offset
  std::map<PackedKey, StoredBytes> packed_;
  std::map<Source, StoredBytes> plain_;
};

// Walks over the outputs with the value that holds each one's bytes, and whether they are free: a
// node writes them, and no output before this one has them.
template <typename Outputs, typename F>
void for_each_output(const Graph& graph, Outputs& outputs, F&& f) {
  std::vector<ValueId> root(graph.values.size());
  std::vector<bool> taken(graph.values.size(), true);
  for (std::size_t i = 0; i < root.size(); ++i) root[i] = static_cast<ValueId>(i);
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<graph::Reshape>(node.op)) {
      root[static_cast<std::size_t>(node.outputs.front())] =
          root[static_cast<std::size_t>(node.inputs.front())];
    } else {
      for (const ValueId id : node.outputs) taken[static_cast<std::size_t>(id)] = false;
    }
  }
  for (auto& output : outputs) {
    const auto storage = static_cast<std::size_t>(root[static_cast<std::size_t>(output)]);
    f(output, !taken[storage]);
    taken[storage] = true;
  }
}

// Every output must be a value that a node writes and nothing else is called: an input, a constant,
// a value twice among the outputs or a reshape of one of them is copied.
void separate_outputs(Graph& graph) {
  std::vector<ValueId> outputs = graph.outputs;
  std::set<ValueId> named(graph.inputs.begin(), graph.inputs.end());
  for_each_output(graph, outputs, [&](ValueId& output, bool separate) {
    const bool keeps_name = !named.insert(output).second;
    if (separate) return;
    Value copy = graph.value(output);
    copy.constant.reset();
    // The output has the name, unless it is an argument's already.
    if (keeps_name) {
      copy.name += ".copy";
    } else {
      graph.value(output).name += ".source";
    }
    // A concatenation of one value: a copy that is not an alias.
    const ValueId id = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(copy));
    graph.nodes.push_back({graph::Concat{0}, {output}, {id}});
    output = id;
  });
  graph.outputs = std::move(outputs);
}

// Traces, times and errors know a layer by its first result's name: of those that have one name, as
// imported graphs do, the later ones get a number. Inputs and outputs keep theirs.
void number_layers(Graph& graph) {
  std::set<ValueId> arguments(graph.inputs.begin(), graph.inputs.end());
  arguments.insert(graph.outputs.begin(), graph.outputs.end());
  std::set<std::string> taken;
  for (const ValueId id : arguments) taken.insert(graph.value(id).name);
  for (const Node& node : graph.nodes) {
    if (arguments.count(node.outputs.front()) > 0) continue;
    std::string& name = graph.value(node.outputs.front()).name;
    const std::string first = name;
    for (int number = 2; !taken.insert(name).second; ++number) {
      name = fmt::format("{}.{}", first, number);
    }
  }
}

class ProgramCompiler {
 public:
  ProgramCompiler(Graph graph, const CompileOptions& options, ConstantStore& store)
      : options_(options), store_(store) {
    program_.graph = std::move(graph);
  }

  // See BuildRecord.
  CpuFeatures needed() const { return needed_; }

  CompiledProgram run() {
    separate_outputs(program_.graph);
    number_layers(program_.graph);
    Graph& graph = program_.graph;
    graph::verify(graph);
    const std::string empty = graph::empty_dimension(graph);
    LASSO_CHECK(empty.empty(), ErrorCode::kUnsupported,
                "program {} has {}, which is less than 1 for sizes that it takes", graph.name,
                empty);
    program_.symbols = graph::symbols(graph);
    graph.typical = graph::typical_sizes(graph);
    program_.constants.resize(graph.values.size());
    for (const Node& node : graph.nodes) program_.nodes.push_back(compile_node(node));
    return std::move(program_);
  }

 private:
  CompiledNode compile_node(const Node& node) {
    CompiledNode compiled;
    if (std::holds_alternative<graph::Reshape>(node.op)) {
      store_plain_inputs(node, compiled);
      return compiled;
    }
    const Graph& graph = program_.graph;
    const kernels::Family& family = kernels::family_of(node.op, options_.target.kind);
    const kernels::Call call = make_call(graph, node, graph.typical);
    compiled.family = &family;
    compiled.packed_inputs = family.packed_inputs(call);
    const std::vector<const Value*> packed = packed_values(node, compiled);
    if (options_.times != nullptr && !options_.reference) {
      for (const Value* value : packed) {
        if (value != nullptr && value->constant) value->constant->check_file();
      }
      const std::vector<Tensor> dense = ConstantStore::dense_of(packed);
      const TimedChoice& timed =
          options_.times->of(family, call, options_, ConstantStore::views_of(dense));
      compiled.times = timed.times;
      compiled.preferred = timed.preferred;
    }
    const auto choice = choose_kernel(family, call, options_.reference, options_.target, nullptr,
                                      compiled.preferred, compiled.rejected);
    LASSO_CHECK(choice, ErrorCode::kUnsupported,
                "program {}, value \"{}\": no kernel computes {}: {}", graph.name,
                graph.value(node.outputs.front()).name, graph::op_name(node.op),
                fmt::join(compiled.rejected, "; "));
    const PackedForm form{choice->offer.packed_layout, choice->offer.packed_bytes};
    needed_ = needed_ | needed_features(family, choice->kernel, call, options_.target, form);
    compiled.kernel = choice->kernel;
    compiled.packed_layout = form.layout;
    compiled.implementation = choice->offer.implementation;
    if (form.bytes > 0) {
      compiled.packed = store_.packed(family, compiled.kernel, call, form, packed);
    }
    store_plain_inputs(node, compiled);
    return compiled;
  }

  // The values that pack() takes; null where an optional one is absent.
  std::vector<const Value*> packed_values(const Node& node, const CompiledNode& compiled) const {
    std::vector<const Value*> values;
    for (const std::size_t i : compiled.packed_inputs) {
      const bool present = i < node.inputs.size() && node.inputs[i] != kNoValue;
      values.push_back(present ? &program_.graph.value(node.inputs[i]) : nullptr);
    }
    return values;
  }

  void store_plain_inputs(const Node& node, const CompiledNode& compiled) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == kNoValue || !program_.graph.value(id).constant || is_packed(compiled, i)) continue;
      program_.constants[static_cast<std::size_t>(id)] = store_.plain(program_.graph.value(id));
    }
  }

  static bool is_packed(const CompiledNode& node, std::size_t input) {
    return std::find(node.packed_inputs.begin(), node.packed_inputs.end(), input) !=
           node.packed_inputs.end();
  }

  CompileOptions options_;
  ConstantStore& store_;
  CompiledProgram program_;
  CpuFeatures needed_ = CpuFeature::kAvx2;
};

passes::PassContext pass_context(const CompileOptions& options) {
  passes::PassContext context;
  context.target = options.target;
  context.precision = options.precision;
  context.has_kernel = [target = options.target](const Graph& graph, const Node& node) {
    if (std::holds_alternative<graph::Reshape>(node.op)) return true;
    const kernels::Family& family = kernels::family_of(node.op, target.kind);
    const kernels::Call call = make_call(graph, node, graph::typical_sizes(graph));
    // The reference takes most of what any row takes, and is asked at little cost.
    std::vector<std::string> reasons;
    return choose_kernel(family, call, true, target, nullptr, {}, reasons).has_value() ||
           choose_kernel(family, call, false, target, nullptr, {}, reasons).has_value();
  };
  if (options.reference) return context;
  context.has_fast_kernel = [target = options.target](const Graph& graph, const Node& node) {
    const kernels::Family& family = kernels::family_of(node.op, target.kind);
    const kernels::Call call = make_call(graph, node, graph::typical_sizes(graph));
    std::vector<std::string> reasons;
    const auto choice = choose_kernel(family, call, false, target, nullptr, {}, reasons);
    return choice && !family.is_reference(choice->kernel);
  };
  return context;
}

// The model of the CPU or GPU that the options are for.
std::string processor_of(const CompileOptions& options) {
  return options.devices == nullptr ? cpu_model() : options.devices->first()->model();
}

}  // namespace

bool CompiledModule::times_hold(const backend::TargetInfo& target) const {
  if (build.processor != processor_of(options) ||
      build.libraries != kernels::libraries(target.kind)) {
    return false;
  }
  if (target.kind != backend::DeviceKind::kCpu) {
    return build.target.sm == target.sm && build.target.tf32 == target.tf32;
  }
  return build.target.threads == target.threads && build.target.features == target.features;
}

bool outputs_are_separate(const Graph& graph) {
  bool all = true;
  for_each_output(graph, graph.outputs, [&](ValueId, bool separate) { all = all && separate; });
  return all;
}

kernels::Call make_call(const Graph& graph, const Node& node, const graph::Bindings& bindings) {
  const auto operand = [&](ValueId id) {
    kernels::Operand result;
    if (id == kNoValue) return result;
    const Value& value = graph.value(id);
    result.present = true;
    result.dtype = value.dtype;
    result.dims = graph::evaluate(value.shape, bindings);
    result.constant = value.constant.has_value();
    return result;
  };
  kernels::Call call;
  call.op = graph::bound(node.op, bindings);
  for (const ValueId id : node.inputs) call.inputs.push_back(operand(id));
  for (const ValueId id : node.outputs) call.outputs.push_back(operand(id));
  return call;
}

CompiledModule compile(graph::Module module, const CompileOptions& options, WeightSink& sink) {
  CompiledModule compiled;
  compiled.options = options;
  compiled.build.lasso_version = LASSO_VERSION;
  compiled.build.libraries = kernels::libraries(options.target.kind);
  compiled.build.target = options.target;
  compiled.build.processor = processor_of(options);
  for (const Graph& program : module.programs) {
    graph::check_slices(program, graph::typical_sizes(program));
  }
  const ThreadLimit limit(options.target.threads);
  ConstantStore store;
  module = passes::optimize(std::move(module), pass_context(options));
  for (Graph& graph : module.programs) {
    ProgramCompiler compiler(std::move(graph), options, store);
    compiled.programs.push_back(compiler.run());
    compiled.build.needed = compiled.build.needed | compiler.needed();
  }
  store.write(sink);
  // Stored constants are known by the address of their source, which must live until here.
  for (CompiledProgram& program : compiled.programs) {
    for (Value& value : program.graph.values) {
      if (value.constant) value.constant->data.reset();
      if (value.constant) value.constant->file.reset();
    }
  }
  return compiled;
}

std::shared_ptr<const CompiledModule> compile(graph::Module module, const CompileOptions& options) {
  MemorySink sink;
  auto compiled = std::make_shared<CompiledModule>(compile(std::move(module), options, sink));
  compiled->weights = sink.take();
  return compiled;
}

}  // namespace lasso::engine
