#include "engine/compile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "backend/cpu/onednn.h"
#include "core/check.h"
#include "core/convert.h"
#include "core/threads.h"
#include "engine/choose_kernel.h"
#include "lasso/version.h"
#include "passes/pass.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

// The constant with the type that its value has in the graph: float16 and bfloat16 become float32.
void copy_constant(const Value& value, std::byte* out) {
  const Tensor& tensor = *value.constant;
  if (value.dtype == DType::kF32) {
    read_f32(tensor.view(), reinterpret_cast<float*>(out));
    return;
  }
  LASSO_CHECK(tensor.dtype == value.dtype, ErrorCode::kInternal, "constant {} of type {}",
              value.name, to_string(tensor.dtype));
  std::memcpy(out, tensor.data.get(), tensor.bytes());
}

// Packed weights and plain constants, each stored once for all programs that use it.
class ConstantStore {
 public:
  explicit ConstantStore(WeightSink& sink) : sink_(sink) {}

  StoredBytes packed(const kernels::Family& family, std::size_t kernel, const kernels::Call& call,
                     const PackedForm& form, const std::vector<const Value*>& values) {
    PackedKey key{form.layout, form.bytes, {}};
    std::vector<TensorView> views;
    for (const Value* value : values) {
      views.push_back(value == nullptr ? TensorView{} : view_of(*value));
      std::get<2>(key).push_back(source_of(views.back()));
    }
    StoredBytes& stored = packed_[key];
    if (stored.bytes == 0 && form.bytes > 0) {
      stored = store(form.bytes, [&](std::byte* out) { family.pack(kernel, call, views, out); });
      for (const Value* value : values) {
        if (value != nullptr) value->constant->release_pages();
      }
    }
    return stored;
  }

  StoredBytes plain(const Value& value) {
    StoredBytes& stored = plain_[source_of(view_of(value))];
    if (stored.bytes == 0) {
      const auto bytes =
          static_cast<std::size_t>(element_count(value.constant->dims)) * size_of(value.dtype);
      stored = store(std::max<std::size_t>(bytes, 1),
                     [&](std::byte* out) { copy_constant(value, out); });
      value.constant->release_pages();
    }
    return stored;
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  // Where a constant comes from. A checkpoint may view one storage as several tensors, which are
  // the same constant only if address, type and shape agree.
  using Source = std::tuple<const void*, DType, Dims>;
  using PackedKey = std::tuple<std::string, std::size_t, std::vector<Source>>;

  static Source source_of(const TensorView& view) { return {view.data, view.dtype, view.dims}; }

  static TensorView view_of(const Value& value) {
    const Tensor& tensor = *value.constant;
    LASSO_CHECK(tensor.data != nullptr || tensor.bytes() == 0, ErrorCode::kInternal,
                "constant {} has no data", value.name);
    return tensor.view();
  }

  StoredBytes store(std::size_t bytes, const WeightSink::Fill& fill) {
    bytes_ += bytes;
    return sink_.store(bytes, fill);
  }

  WeightSink& sink_;
  std::uint64_t bytes_ = 0;
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
  for_each_output(graph, outputs, [&](ValueId& output, bool separate) {
    if (separate) return;
    Value copy = graph.value(output);
    copy.constant.reset();
    copy.name += ".copy";
    // A concatenation of one value: a copy that is not an alias.
    const ValueId id = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(copy));
    graph.nodes.push_back({graph::Concat{0}, {output}, {id}});
    output = id;
  });
  graph.outputs = std::move(outputs);
}

class ProgramCompiler {
 public:
  ProgramCompiler(Graph graph, const CompileOptions& options, ConstantStore& store)
      : options_(options), target_{options.isa, options.threads}, store_(store) {
    program_.graph = std::move(graph);
  }

  // See BuildRecord.
  Isa needed_isa() const { return needed_isa_; }

  CompiledProgram run() {
    separate_outputs(program_.graph);
    Graph& graph = program_.graph;
    graph::verify(graph);
    program_.symbols = graph::symbols(graph);
    for (const std::string& symbol : program_.symbols) graph.typical.try_emplace(symbol, 1);
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
    const kernels::Family& family = kernels::cpu_family(node.op);
    const kernels::Call call = make_call(graph, node, graph.typical);
    compiled.family = &family;
    const auto choice = choose_kernel(family, call, options_, target_, nullptr, compiled.rejected);
    LASSO_CHECK(choice, ErrorCode::kUnsupported,
                "program {}, value \"{}\": no kernel computes {}: {}", graph.name,
                graph.value(node.outputs.front()).name, graph::op_name(node.op),
                fmt::join(compiled.rejected, "; "));
    const PackedForm form{choice->plan.packed_layout, choice->plan.packed_bytes};
    needed_isa_ = std::max(
        needed_isa_, engine::needed_isa(family, choice->kernel, call, options_.threads, form));
    compiled.kernel = choice->kernel;
    compiled.packed_layout = choice->plan.packed_layout;
    compiled.packed_inputs = family.packed_inputs(call);
    compiled.implementation = family.create(compiled.kernel, call, target_)->implementation();
    if (!compiled.packed_inputs.empty()) {
      std::vector<const Value*> values;
      for (const std::size_t i : compiled.packed_inputs) {
        const bool present = i < node.inputs.size() && node.inputs[i] != kNoValue;
        values.push_back(present ? &graph.value(node.inputs[i]) : nullptr);
      }
      compiled.packed = store_.packed(family, compiled.kernel, call, form, values);
    }
    store_plain_inputs(node, compiled);
    return compiled;
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
  kernels::Target target_;
  ConstantStore& store_;
  CompiledProgram program_;
  Isa needed_isa_ = Isa::kAvx2;
};

}  // namespace

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
  call.op = node.op;
  for (const ValueId id : node.inputs) call.inputs.push_back(operand(id));
  for (const ValueId id : node.outputs) call.outputs.push_back(operand(id));
  return call;
}

CompiledModule compile(graph::Module module, const CompileOptions& options, WeightSink& sink) {
  CompiledModule compiled;
  compiled.options = options;
  compiled.build.lasso_version = LASSO_VERSION;
  compiled.build.onednn_version = onednn::version();
  compiled.build.isa = options.isa;
  const ThreadLimit limit(options.threads);
  ConstantStore store(sink);
  for (Graph& graph : module.programs) {
    ProgramCompiler compiler(passes::optimize(std::move(graph), options.precision), options, store);
    compiled.programs.push_back(compiler.run());
    compiled.build.needed_isa = std::max(compiled.build.needed_isa, compiler.needed_isa());
  }
  compiled.weight_bytes = store.bytes();
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
  compiled->storage = sink.take();
  return compiled;
}

}  // namespace lasso::engine
