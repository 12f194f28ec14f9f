#include "engine/compile.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "core/convert.h"
#include "core/threads.h"
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
  explicit ConstantStore(CompiledModule& module) : module_(module) {}

  const std::byte* packed(const kernels::Family& family, std::size_t kernel,
                          const kernels::Call& call, const CompiledNode& node,
                          const std::vector<const Value*>& values) {
    PackedKey key{node.packed_layout, node.packed_bytes, {}};
    std::vector<TensorView> views;
    for (const Value* value : values) {
      views.push_back(value == nullptr ? TensorView{} : value->constant->view());
      std::get<2>(key).push_back(source_of(views.back()));
    }
    const std::byte*& stored = packed_[key];
    if (stored == nullptr) {
      std::byte* out = allocate(node.packed_bytes);
      family.pack(kernel, call, views, out);
      stored = out;
      for (const Value* value : values) {
        if (value != nullptr) value->constant->release_pages();
      }
    }
    return stored;
  }

  const void* plain(const Value& value) {
    const void*& stored = plain_[source_of(value.constant->view())];
    if (stored == nullptr) {
      const auto bytes =
          static_cast<std::size_t>(element_count(value.constant->dims)) * size_of(value.dtype);
      std::byte* out = allocate(std::max<std::size_t>(bytes, 1));
      copy_constant(value, out);
      value.constant->release_pages();
      stored = out;
    }
    return stored;
  }

 private:
  // Where a constant comes from. A checkpoint may view one storage as several tensors, which are
  // the same constant only if address, type and shape agree.
  using Source = std::tuple<const void*, DType, Dims>;
  using PackedKey = std::tuple<std::string, std::size_t, std::vector<Source>>;

  static Source source_of(const TensorView& view) { return {view.data, view.dtype, view.dims}; }

  std::byte* allocate(std::size_t bytes) {
    module_.weight_bytes += bytes;
    return module_.storage.emplace_back(bytes).data();
  }

  CompiledModule& module_;
  std::map<PackedKey, const std::byte*> packed_;
  std::map<Source, const void*> plain_;
};

// Every output must be a value that a node writes and nothing else is called: an input, a constant,
// a value twice among the outputs or a reshape of one of them is copied.
void separate_outputs(Graph& graph) {
  std::vector<ValueId> root(graph.values.size());
  std::vector<bool> taken(graph.values.size(), true);
  for (std::size_t i = 0; i < root.size(); ++i) root[i] = static_cast<ValueId>(i);
  for (const Node& node : graph.nodes) {
    const auto out = static_cast<std::size_t>(node.outputs.front());
    if (std::holds_alternative<graph::Reshape>(node.op)) {
      root[out] = root[static_cast<std::size_t>(node.inputs.front())];
    } else {
      taken[out] = false;
    }
  }
  for (ValueId& output : graph.outputs) {
    const auto storage = static_cast<std::size_t>(root[static_cast<std::size_t>(output)]);
    if (!taken[storage]) {
      taken[storage] = true;
      continue;
    }
    Value copy = graph.value(output);
    copy.constant.reset();
    copy.name += ".copy";
    // A concatenation of one value: a copy that is not an alias.
    const ValueId id = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(copy));
    graph.nodes.push_back({graph::Concat{0}, {output}, {id}});
    output = id;
  }
}

class ProgramCompiler {
 public:
  ProgramCompiler(Graph graph, const CompileOptions& options, ConstantStore& store)
      : options_(options), target_{options.isa, options.threads}, store_(store) {
    program_.graph = std::move(graph);
  }

  CompiledProgram run() {
    separate_outputs(program_.graph);
    Graph& graph = program_.graph;
    graph::verify(graph);
    program_.symbols = graph::symbols(graph);
    for (const std::string& symbol : program_.symbols) graph.typical.try_emplace(symbol, 1);
    program_.constants.resize(graph.values.size(), nullptr);
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
    compiled.kernel = choose(family, call, node, compiled.rejected);
    const kernels::KernelPlan plan = family.plan(compiled.kernel, call, target_);
    compiled.packed_layout = plan.packed_layout;
    compiled.packed_bytes = plan.packed_bytes;
    compiled.packed_inputs = family.packed_inputs(call);
    compiled.implementation = family.create(compiled.kernel, call, target_)->implementation();
    if (!compiled.packed_inputs.empty()) {
      std::vector<const Value*> values;
      for (const std::size_t i : compiled.packed_inputs) {
        const bool present = i < node.inputs.size() && node.inputs[i] != kNoValue;
        values.push_back(present ? &graph.value(node.inputs[i]) : nullptr);
      }
      compiled.packed = store_.packed(family, compiled.kernel, call, compiled, values);
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

  std::size_t choose(const kernels::Family& family, const kernels::Call& call, const Node& node,
                     std::vector<std::string>& rejected) const {
    for (std::size_t i = first_kernel(family, options_); i < family.size(); ++i) {
      const kernels::Support support = family.supports(i, call, target_);
      if (support) return i;
      rejected.push_back(fmt::format("{}: {}", family.kernel_name(i), support.reason()));
    }
    fail(ErrorCode::kUnsupported, "program {}, value \"{}\": no kernel computes {}: {}",
         program_.graph.name, program_.graph.value(node.outputs.front()).name,
         graph::op_name(node.op), fmt::join(rejected, "; "));
  }

  static bool is_packed(const CompiledNode& node, std::size_t input) {
    return std::find(node.packed_inputs.begin(), node.packed_inputs.end(), input) !=
           node.packed_inputs.end();
  }

  CompileOptions options_;
  kernels::Target target_;
  ConstantStore& store_;
  CompiledProgram program_;
};

}  // namespace

std::size_t first_kernel(const kernels::Family& family, const CompileOptions& options) {
  return options.reference ? family.size() - 1 : 0;
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

std::shared_ptr<const CompiledModule> compile(graph::Module module, const CompileOptions& options) {
  auto compiled = std::make_shared<CompiledModule>();
  compiled->options = options;
  const ThreadLimit limit(options.threads);
  ConstantStore store(*compiled);
  for (Graph& graph : module.programs) {
    compiled->programs.push_back(
        ProgramCompiler(passes::optimize(std::move(graph), options.precision), options, store)
            .run());
  }
  // Stored constants are known by the address of their source, which must live until here.
  for (CompiledProgram& program : compiled->programs) {
    for (Value& value : program.graph.values) {
      if (value.constant) value.constant->data.reset();
      if (value.constant) value.constant->file.reset();
    }
  }
  return compiled;
}

}  // namespace lasso::engine
