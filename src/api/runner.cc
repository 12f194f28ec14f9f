#include "lasso/runner.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "api/arguments.h"
#include "api/engine_impl.h"
#include "api/index_checks.h"
#include "api/tensor.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/stopwatch.h"
#include "engine/run/compute_sizes.h"
#include "engine/run/session.h"
#include "graph/multiple.h"
#include "lasso/version.h"

namespace lasso {

namespace {

using graph::Graph;
using graph::Value;
using Inputs = std::map<std::string, HostTensorView>;
using DeviceTensors = std::map<std::string, DeviceTensorView>;
using Outputs = std::map<std::string, HostTensor>;

std::string names_of(const std::vector<ArgumentInfo>& arguments) {
  std::vector<std::string> names;
  for (const ArgumentInfo& argument : arguments) names.push_back(argument.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool has_name(const std::vector<ArgumentInfo>& arguments, const std::string& name) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [&](const ArgumentInfo& argument) { return argument.name == name; });
}

const Graph& program_named(const engine::CompiledModule& module, const std::string& name) {
  std::vector<std::string> names;
  for (const engine::CompiledProgram& program : module.programs) {
    if (program.graph.name == name) return program.graph;
    names.push_back(program.graph.name);
  }
  const bool only_one = names.size() == 1;
  LASSO_CHECK(!name.empty() || only_one, ErrorCode::kInvalidArgument,
              "no program is named, and the engine has {}: {}", names.size(),
              fmt::join(names, ", "));
  LASSO_CHECK(name.empty(), ErrorCode::kNotFound, "the engine has no program \"{}\": expected {}",
              name, fmt::join(names, ", "));
  return module.programs.front().graph;
}

// A tensor that a caller gives.
struct Given {
  ElementType type = ElementType::kFloat32;
  const std::vector<std::int64_t>* shape = nullptr;
  void* data = nullptr;
  engine::MemorySpace space = engine::MemorySpace::kHost;
};

Given given(const HostTensorView& tensor) {
  return {tensor.type, &tensor.shape, const_cast<void*>(tensor.data)};
}
Given given(const DeviceTensorView& tensor) {
  return {tensor.type, &tensor.shape, tensor.data, engine::MemorySpace::kDevice};
}

engine::SessionOptions session_options(int threads) {
  engine::SessionOptions options;
  options.threads = threads;
  return options;
}

}  // namespace

struct Runner::Impl {
  Impl(Engine e, const std::string& name, int threads)
      : engine(std::move(e)),
        session(Access::impl(engine)->model.module, session_options(threads)),
        graph(program_named(session.module(), name)),
        program(session.program(graph.name)),
        inputs(inputs_of(graph)),
        outputs(outputs_of(graph)),
        counts(count_places(graph)),
        decides(decide_sizes(graph)),
        ranges(index_ranges(graph)) {
    reserve();
  }

  // Where all sizes have a most, the memory is there for it from the start.
  void reserve() {
    std::vector<std::int64_t> most;
    for (const std::string& symbol : graph::symbols(graph)) {
      most.push_back(graph::range_of(graph.profile, symbol).max);
      if (most.back() == graph::kMaxSymbol) return;
    }
    if (most.empty()) return;
    try {
      session.prepare(program, most);
    } catch (const Error& error) {
      // Sizes that do not go together at their most need no memory for it.
      if (error.code() != ErrorCode::kInvalidArgument) throw;
    }
  }

  void run(const Inputs& tensors, Outputs& results) {
    check_names(inputs, "input", tensors);
    std::vector<Given> from;
    for (const ArgumentInfo& input : inputs) from.push_back(given(tensors.at(input.name)));
    const auto result = [&](std::size_t i) -> HostTensor& { return results[outputs[i].name]; };
    run(from, result, [&] { drop_others(results); });
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].role == ArgumentRole::kCount) results.erase(outputs[i].name);
    }
  }

  std::vector<HostTensor> run_in_order(const std::vector<HostTensorView>& tensors) {
    LASSO_CHECK(tensors.size() == inputs.size(), ErrorCode::kInvalidArgument,
                "program {} takes {} inputs, and {} are given: expected {}", graph.name,
                inputs.size(), tensors.size(), names_of(inputs));
    std::vector<Given> from;
    for (const HostTensorView& tensor : tensors) from.push_back(given(tensor));
    std::vector<HostTensor> all(outputs.size());
    run(
        from, [&](std::size_t i) -> HostTensor& { return all[i]; }, [] {});
    std::vector<HostTensor> results;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].role != ArgumentRole::kCount) results.push_back(std::move(all[i]));
    }
    return results;
  }

  // `result` gives the tensor of an output; `ready` is called before the program runs.
  template <typename Result, typename Ready>
  void run(const std::vector<Given>& tensors, const Result& result, const Ready& ready) {
    const graph::Bindings bindings = check_inputs(tensors);
    for (const IndexRange& range : ranges) {
      const Given& tensor = tensors[range.input];
      check_indices(inputs[range.input].name, {dtype_of(tensor.type), *tensor.shape, tensor.data},
                    range, bindings);
    }
    std::vector<engine::TensorRef> to;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      to.emplace_back(prepare(result(i), i, bindings), graph.value(graph.outputs[i]).dtype);
    }
    ready();
    const Stopwatch watch;
    session.run(program, symbols(bindings), references(tensors), to);
    ms = watch.milliseconds();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (counts[i]) cut(result(i), result(*counts[i]));
    }
  }

  void enqueue(const DeviceTensors& tensors, const DeviceTensors& results, const Inputs& on_host,
               DeviceStream stream) {
    LASSO_CHECK(!session.device()->is_host(), ErrorCode::kUnsupported,
                "enqueue() takes tensors in a GPU's memory, and the engine runs on the CPU");
    check_names(inputs, "input", tensors, on_host);
    check_names(outputs, "output", results);
    std::vector<Given> from;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto host = on_host.find(inputs[i].name);
      LASSO_CHECK(host != on_host.end() || !decides[i], ErrorCode::kInvalidArgument,
                  "input \"{}\" decides sizes of the run, which the host must know before: give it "
                  "among the inputs on the host",
                  inputs[i].name);
      from.push_back(host != on_host.end() ? given(host->second)
                                           : given(tensors.at(inputs[i].name)));
    }
    const graph::Bindings bindings = check_inputs(from);
    std::vector<engine::TensorRef> to;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Given tensor = given(results.at(outputs[i].name));
      check_type("output", outputs[i].name, outputs[i].type, tensor.type);
      check_tensor("output", graph.value(graph.outputs[i]), tensor, bindings);
      to.emplace_back(tensor.data, graph.value(graph.outputs[i]).dtype, tensor.space);
    }
    session.stream().follow(stream.handle);
    // What it throws, it throws when nothing is under way.
    session.enqueue(program, symbols(bindings), references(from), to);
    session.stream().lead(stream.handle);
  }

  std::vector<std::int64_t> symbols(const graph::Bindings& bindings) const {
    std::vector<std::int64_t> values;
    for (const std::string& symbol : session.module().programs[program].symbols) {
      values.push_back(bindings.at(symbol));
    }
    return values;
  }

  std::vector<engine::ConstTensorRef> references(const std::vector<Given>& tensors) const {
    std::vector<engine::ConstTensorRef> from;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      from.emplace_back(tensors[i].data, graph.value(graph.inputs[i]).dtype, tensors[i].space);
    }
    return from;
  }

  // What the inputs' sizes, and what is computed from their values, give the symbols.
  graph::Bindings check_inputs(const std::vector<Given>& tensors) const {
    graph::Bindings bindings = bind(tensors);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      check_tensor("input", graph.value(graph.inputs[i]), tensors[i], bindings);
      if (tensors[i].type == ElementType::kInt64 &&
          tensors[i].space == engine::MemorySpace::kHost) {
        check_32_bits(inputs[i].name, tensors[i]);
      }
    }
    if (graph.computed.graph != nullptr) compute(tensors, bindings);
    return bindings;
  }

  void compute(const std::vector<Given>& tensors, graph::Bindings& bindings) const {
    std::vector<const void*> pointers;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      pointers.push_back(decides[i] ? tensors[i].data : nullptr);
      if (decides[i]) names.push_back(fmt::format("\"{}\"", inputs[i].name));
    }
    const std::string where =
        names.empty() ? std::string() : fmt::format("input {}: ", fmt::join(names, " and "));
    const auto sizes = engine::compute_sizes(graph, bindings, pointers);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      const std::string& symbol = graph.computed.symbols[k];
      const graph::Range range = graph::range_of(graph.profile, symbol);
      LASSO_CHECK(graph::contains(range, sizes[k]), ErrorCode::kInvalidArgument,
                  "{}{} is {}, as it is computed before the run, and {} is expected", where, symbol,
                  sizes[k], graph::to_string(range));
      bindings[symbol] = sizes[k];
    }
  }

  // `what` is "input" or "output".
  template <typename Tensors>
  void check_names(const std::vector<ArgumentInfo>& arguments, const char* what,
                   const Tensors& tensors, const Inputs& on_host = {}) const {
    const auto check_known = [&](const std::string& name) {
      LASSO_CHECK(has_name(arguments, name), ErrorCode::kInvalidArgument,
                  "program {} has no {} \"{}\": expected {}", graph.name, what, name,
                  names_of(arguments));
    };
    for (const auto& [name, tensor] : tensors) check_known(name);
    for (const auto& [name, tensor] : on_host) check_known(name);
    for (const ArgumentInfo& argument : arguments) {
      const std::size_t given = tensors.count(argument.name) + on_host.count(argument.name);
      LASSO_CHECK(given > 0, ErrorCode::kInvalidArgument,
                  "{} \"{}\" of program {} is missing: expected {}", what, argument.name,
                  graph.name, names_of(arguments));
      LASSO_CHECK(given == 1, ErrorCode::kInvalidArgument,
                  "{} \"{}\" of program {} is given both on the host and on the device", what,
                  argument.name, graph.name);
    }
  }

  // The symbols of which a dimension of some input is a multiple, which gives them their values.
  graph::Bindings bind(const std::vector<Given>& tensors) const {
    graph::Bindings bindings;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::vector<std::int64_t>& seen = *tensors[i].shape;
      const Value& value = graph.value(graph.inputs[i]);
      check_type("input", inputs[i].name, inputs[i].type, tensors[i].type);
      LASSO_CHECK(seen.size() == value.shape.size(), ErrorCode::kInvalidArgument,
                  "input \"{}\" is {}, and {} is expected", inputs[i].name, to_string(seen),
                  graph::to_string(value.shape));
      for (std::size_t d = 0; d < value.shape.size(); ++d) {
        const auto size = graph::as_multiple(value.shape[d]);
        if (!size) continue;
        const std::string& symbol = size->symbol;
        const graph::Range range = graph::range_of(graph.profile, symbol);
        LASSO_CHECK(seen[d] >= 1, ErrorCode::kInvalidArgument,
                    "input \"{}\" is {}: {} must be at least 1", inputs[i].name, to_string(seen),
                    symbol);
        LASSO_CHECK(seen[d] % size->factor == 0, ErrorCode::kInvalidArgument,
                    "input \"{}\" is {}: dimension {} is {}, and a multiple of {} is expected",
                    inputs[i].name, to_string(seen), d, seen[d], size->factor);
        const std::int64_t count = seen[d] / size->factor;
        LASSO_CHECK(graph::contains(range, count), ErrorCode::kInvalidArgument,
                    "input \"{}\" is {}: {} is {}, and {} is expected", inputs[i].name,
                    to_string(seen), symbol, count, graph::to_string(range));
        bindings.try_emplace(symbol, count);
      }
    }
    return bindings;
  }

  static void check_type(const char* what, const std::string& name, ElementType expected,
                         ElementType seen) {
    LASSO_CHECK(seen == expected, ErrorCode::kInvalidArgument,
                "{} \"{}\" is {}, and {} is expected", what, name, to_string(seen),
                to_string(expected));
  }

  static void check_tensor(const char* what, const Value& value, const Given& tensor,
                           const graph::Bindings& bindings) {
    const Dims expected = graph::evaluate(value.shape, bindings);
    std::string where;
    for (const auto& [symbol, size] : bindings) {
      where += fmt::format("{}{} = {}", where.empty() ? " where " : ", ", symbol, size);
    }
    LASSO_CHECK(*tensor.shape == expected, ErrorCode::kInvalidArgument,
                "{} \"{}\" is {}, and {} is expected{}", what, value.name, to_string(*tensor.shape),
                graph::to_string(value.shape), where);
    LASSO_CHECK(tensor.data != nullptr, ErrorCode::kInvalidArgument, "{} \"{}\" has no data", what,
                value.name);
    LASSO_CHECK(reinterpret_cast<std::uintptr_t>(tensor.data) % size_of(value.dtype) == 0,
                ErrorCode::kInvalidArgument,
                "{} \"{}\" does not lie at a multiple of {} bytes, the size of its elements", what,
                value.name, size_of(value.dtype));
  }

  // Programs compute with integers of 32 bits.
  static void check_32_bits(const std::string& name, const Given& tensor) {
    const auto* values = static_cast<const std::int64_t*>(tensor.data);
    const std::int64_t count = element_count(*tensor.shape);
    const auto outside = std::find_if(values, values + count, [](std::int64_t value) {
      return value < std::numeric_limits<std::int32_t>::min() ||
             value > std::numeric_limits<std::int32_t>::max();
    });
    LASSO_CHECK(outside == values + count, ErrorCode::kInvalidArgument,
                "input \"{}\" has the value {}, and integers of 32 bits are computed with", name,
                *outside);
  }

  // The rows that count alone.
  static void cut(HostTensor& tensor, const HostTensor& count) {
    std::int64_t& rows = tensor.shape.at(0);
    const std::size_t row_bytes =
        rows == 0 ? 0 : tensor.bytes.size() / static_cast<std::size_t>(rows);
    rows = std::clamp<std::int64_t>(*count.as<std::int32_t>(), 0, rows);
    tensor.bytes.resize(static_cast<std::size_t>(rows) * row_bytes);
  }

  // The memory of output i, with its type and shape.
  void* prepare(HostTensor& tensor, std::size_t i, const graph::Bindings& bindings) const {
    const Value& value = graph.value(graph.outputs[i]);
    tensor.type = outputs[i].type;
    tensor.shape = graph::evaluate(value.shape, bindings);
    tensor.bytes.resize(static_cast<std::size_t>(element_count(tensor.shape)) *
                        size_of(value.dtype));
    return tensor.bytes.data();
  }

  void drop_others(Outputs& results) const {
    for (auto it = results.begin(); it != results.end();) {
      it = has_name(outputs, it->first) ? std::next(it) : results.erase(it);
    }
  }

  Engine engine;
  engine::Session session;
  const Graph& graph;
  std::size_t program;
  std::vector<ArgumentInfo> inputs;
  std::vector<ArgumentInfo> outputs;
  std::vector<std::optional<std::size_t>> counts;  // see count_places()
  std::vector<bool> decides;                       // by input: its values decide sizes
  std::vector<IndexRange> ranges;
  double ms = 0;
};

Runner::Runner(const Engine& engine, const RunnerOptions& options) {
  const int threads = thread_count(options.threads);
  impl_ = guarded([&] { return std::make_unique<Impl>(engine, options.program, threads); });
}

Runner::~Runner() = default;
Runner::Runner(Runner&&) noexcept = default;
Runner& Runner::operator=(Runner&&) noexcept = default;

const Engine& Runner::engine() const { return impl_->engine; }
int Runner::threads() const { return impl_->session.threads(); }
const std::string& Runner::program() const { return impl_->graph.name; }
const std::vector<ArgumentInfo>& Runner::inputs() const { return impl_->inputs; }
const std::vector<ArgumentInfo>& Runner::outputs() const { return impl_->outputs; }

std::map<std::string, std::int64_t> Runner::typical_sizes() const {
  return graph::typical_sizes(impl_->graph);
}

std::vector<std::pair<std::string, std::string>> Runner::settings() const {
  const EngineInfo& info = impl_->engine.info();
  return {{"runtime", "lasso " LASSO_VERSION},
          {"device", device()},
          {"precision", info.precision},
          {"isa", info.isa},
          {"threads", std::to_string(threads())}};
}

std::map<std::string, HostTensor> Runner::run(const std::map<std::string, HostTensorView>& inputs) {
  std::map<std::string, HostTensor> outputs;
  run(inputs, &outputs);
  return outputs;
}

void Runner::run(const std::map<std::string, HostTensorView>& inputs,
                 std::map<std::string, HostTensor>* outputs) {
  LASSO_CHECK(outputs != nullptr, ErrorCode::kInvalidArgument, "outputs is null");
  guarded([&] { impl_->run(inputs, *outputs); });
}

std::vector<HostTensor> Runner::run_in_order(const std::vector<HostTensorView>& inputs) {
  return guarded([&] { return impl_->run_in_order(inputs); });
}

void Runner::enqueue(const std::map<std::string, DeviceTensorView>& inputs,
                     const std::map<std::string, DeviceTensorView>& outputs, DeviceStream stream,
                     const std::map<std::string, HostTensorView>& host_inputs) {
  guarded([&] { impl_->enqueue(inputs, outputs, host_inputs, stream); });
}

std::string Runner::device() const { return impl_->session.device()->name(); }

double Runner::last_run_ms() const { return impl_->ms; }

void Runner::set_trace(Trace trace) {
  if (!trace) {
    impl_->session.set_trace({});
    return;
  }
  impl_->session.set_trace([trace = std::move(trace)](const std::string& /*program*/,
                                                      const std::string& value, const Dims& dims,
                                                      const float* data,
                                                      double ms) { trace(value, dims, data, ms); });
}

}  // namespace lasso
