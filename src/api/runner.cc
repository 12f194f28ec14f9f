#include "lasso/runner.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "api/engine_impl.h"
#include "api/tensor.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/stopwatch.h"
#include "engine/run/session.h"
#include "lasso/version.h"

namespace lasso {

namespace {

using graph::Graph;
using graph::Value;
using graph::ValueId;
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

std::vector<ArgumentInfo> arguments_of(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<ArgumentInfo> arguments;
  std::set<std::string> names;
  for (const ValueId id : ids) {
    const Value& value = graph.value(id);
    LASSO_CHECK(names.insert(value.name).second, ErrorCode::kUnsupported,
                "program {} has two arguments called \"{}\"", graph.name, value.name);
    ArgumentInfo& argument = arguments.emplace_back();
    argument.name = value.name;
    argument.type = element_type(value.dtype);
    for (const graph::Dim& dim : value.shape) argument.shape.push_back(graph::to_string(dim));
  }
  return arguments;
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

// The value that this one is another shape of.
ValueId unreshaped(const Graph& graph, ValueId id) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (std::holds_alternative<graph::Reshape>(node->op) && node->outputs.front() == id) {
      id = node->inputs.front();
    }
  }
  return id;
}

// A table that is read by an input.
struct IndexRange {
  std::size_t input = 0;
  graph::Dim rows = 0;
  std::int64_t offset = 0;  // that the operation adds to an index
  bool wrap = false;        // indices below 0 count from the end
};

// Of all inputs that are indices, as they come or reshaped. Kernels read no farther than a table,
// whatever an index that is computed says.
std::vector<IndexRange> index_ranges(const Graph& graph) {
  std::vector<IndexRange> ranges;
  for (const graph::Node& node : graph.nodes) {
    const auto* gather = std::get_if<graph::Gather>(&node.op);
    if (gather == nullptr) continue;
    const auto input =
        std::find(graph.inputs.begin(), graph.inputs.end(), unreshaped(graph, node.inputs.at(1)));
    if (input == graph.inputs.end()) continue;
    ranges.push_back(
        {static_cast<std::size_t>(input - graph.inputs.begin()),
         graph.value(node.inputs.at(0)).shape.at(static_cast<std::size_t>(gather->axis)),
         gather->offset, gather->wrap});
  }
  return ranges;
}

// The place of each output's count among the outputs; none where all of it counts.
std::vector<std::optional<std::size_t>> count_places(const Graph& graph) {
  std::vector<std::optional<std::size_t>> places(graph.outputs.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto count = graph.value(graph.outputs[i]).count;
    const auto at =
        count ? std::find(graph.outputs.begin(), graph.outputs.end(), *count) : graph.outputs.end();
    // Of other dimensions than the first, zeros stand behind what counts.
    const bool rows = at != graph.outputs.end() && graph.value(*count).shape.empty();
    if (rows) places[i] = static_cast<std::size_t>(at - graph.outputs.begin());
  }
  return places;
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
        inputs(arguments_of(graph, graph.inputs)),
        outputs(arguments_of(graph, graph.outputs)),
        counts(count_places(graph)),
        ranges(index_ranges(graph)) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (counts[i]) outputs[i].count = outputs[*counts[i]].name;
    }
  }

  void run(const Inputs& tensors, Outputs& results) {
    check_names(inputs, "input", tensors);
    const graph::Bindings bindings = bind(tensors);
    std::vector<engine::ConstTensorRef> from;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const HostTensorView& tensor = tensors.at(inputs[i].name);
      check_tensor("input", graph.value(graph.inputs[i]), inputs[i].type, tensor, bindings);
      if (tensor.type == ElementType::kInt64) check_32_bits(inputs[i].name, tensor);
      from.emplace_back(tensor.data, graph.value(graph.inputs[i]).dtype);
    }
    for (const IndexRange& range : ranges) check_indices(tensors, range, bindings);
    std::vector<engine::TensorRef> to;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      to.emplace_back(prepare(results, i, bindings), graph.value(graph.outputs[i]).dtype);
    }
    drop_others(results);
    const Stopwatch watch;
    session.run(program, symbols(bindings), from, to);
    ms = watch.milliseconds();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (counts[i]) cut(results.at(outputs[i].name), results.at(outputs[*counts[i]].name));
    }
    for (const auto& count : counts) {
      if (count) results.erase(outputs[*count].name);  // the shapes say it
    }
  }

  void enqueue(const DeviceTensors& tensors, const DeviceTensors& results, DeviceStream stream) {
    LASSO_CHECK(!session.device()->is_host(), ErrorCode::kUnsupported,
                "enqueue() takes tensors in a GPU's memory, and the engine runs on the CPU");
    check_names(inputs, "input", tensors);
    check_names(outputs, "output", results);
    const graph::Bindings bindings = bind(tensors);
    constexpr auto kThere = engine::MemorySpace::kDevice;
    std::vector<engine::ConstTensorRef> from;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Value& value = graph.value(graph.inputs[i]);
      const DeviceTensorView& tensor = tensors.at(inputs[i].name);
      check_tensor("input", value, inputs[i].type, tensor, bindings);
      from.emplace_back(tensor.data, value.dtype, kThere);
    }
    std::vector<engine::TensorRef> to;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Value& value = graph.value(graph.outputs[i]);
      const DeviceTensorView& tensor = results.at(outputs[i].name);
      check_tensor("output", value, outputs[i].type, tensor, bindings);
      to.emplace_back(tensor.data, value.dtype, kThere);
    }
    session.stream().follow(stream.handle);
    // What it throws, it throws when nothing is under way.
    session.enqueue(program, symbols(bindings), from, to);
    session.stream().lead(stream.handle);
  }

  std::vector<std::int64_t> symbols(const graph::Bindings& bindings) const {
    std::vector<std::int64_t> values;
    for (const std::string& symbol : session.module().programs[program].symbols) {
      values.push_back(bindings.at(symbol));
    }
    return values;
  }

  // `what` is "input" or "output".
  template <typename Tensors>
  void check_names(const std::vector<ArgumentInfo>& arguments, const char* what,
                   const Tensors& tensors) const {
    for (const auto& [name, tensor] : tensors) {
      LASSO_CHECK(has_name(arguments, name), ErrorCode::kInvalidArgument,
                  "program {} has no {} \"{}\": expected {}", graph.name, what, name,
                  names_of(arguments));
    }
    for (const ArgumentInfo& argument : arguments) {
      LASSO_CHECK(tensors.count(argument.name) > 0, ErrorCode::kInvalidArgument,
                  "{} \"{}\" of program {} is missing: expected {}", what, argument.name,
                  graph.name, names_of(arguments));
    }
  }

  // Every symbol stands alone as a dimension of some input, which gives it its value.
  template <typename Tensors>
  graph::Bindings bind(const Tensors& tensors) const {
    graph::Bindings bindings;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto& tensor = tensors.at(inputs[i].name);
      const Value& value = graph.value(graph.inputs[i]);
      check_type("input", inputs[i].name, inputs[i].type, tensor.type);
      LASSO_CHECK(tensor.shape.size() == value.shape.size(), ErrorCode::kInvalidArgument,
                  "input \"{}\" is {}, and {} is expected", inputs[i].name, to_string(tensor.shape),
                  graph::to_string(value.shape));
      for (std::size_t d = 0; d < value.shape.size(); ++d) {
        const auto symbol = value.shape[d].as_symbol();
        if (!symbol) continue;
        LASSO_CHECK(tensor.shape[d] >= 1, ErrorCode::kInvalidArgument,
                    "input \"{}\" is {}: {} must be at least 1", inputs[i].name,
                    to_string(tensor.shape), *symbol);
        bindings.try_emplace(*symbol, tensor.shape[d]);
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

  template <typename Tensor>
  void check_tensor(const char* what, const Value& value, ElementType type, const Tensor& tensor,
                    const graph::Bindings& bindings) const {
    check_type(what, value.name, type, tensor.type);
    const Dims expected = graph::evaluate(value.shape, bindings);
    std::string where;
    for (const auto& [symbol, size] : bindings) {
      where += fmt::format("{}{} = {}", where.empty() ? " where " : ", ", symbol, size);
    }
    LASSO_CHECK(tensor.shape == expected, ErrorCode::kInvalidArgument,
                "{} \"{}\" is {}, and {} is expected{}", what, value.name, to_string(tensor.shape),
                graph::to_string(value.shape), where);
    LASSO_CHECK(tensor.data != nullptr, ErrorCode::kInvalidArgument, "{} \"{}\" has no data", what,
                value.name);
    LASSO_CHECK(reinterpret_cast<std::uintptr_t>(tensor.data) % size_of(value.dtype) == 0,
                ErrorCode::kInvalidArgument,
                "{} \"{}\" does not lie at a multiple of {} bytes, the size of its elements", what,
                value.name, size_of(value.dtype));
  }

  // Programs compute with integers of 32 bits.
  static void check_32_bits(const std::string& name, const HostTensorView& tensor) {
    const auto* values = static_cast<const std::int64_t*>(tensor.data);
    const std::int64_t count = element_count(tensor.shape);
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

  void check_indices(const Inputs& tensors, const IndexRange& range,
                     const graph::Bindings& bindings) const {
    const std::int64_t rows = range.rows.evaluate(bindings);
    const std::int64_t least = (range.wrap ? -rows : 0) - range.offset;
    const std::int64_t most = rows - 1 - range.offset;
    const HostTensorView& tensor = tensors.at(inputs[range.input].name);
    const auto* index = static_cast<const std::int32_t*>(tensor.data);
    const std::int64_t count = element_count(tensor.shape);
    const auto outside = std::find_if(
        index, index + count, [&](std::int32_t value) { return value < least || value > most; });
    LASSO_CHECK(outside == index + count, ErrorCode::kInvalidArgument,
                "input \"{}\" has the value {}, and {} to {} are expected",
                inputs[range.input].name, *outside, least, most);
  }

  // The memory of output i, with its type and shape.
  void* prepare(Outputs& results, std::size_t i, const graph::Bindings& bindings) const {
    const Value& value = graph.value(graph.outputs[i]);
    HostTensor& tensor = results[value.name];
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
  std::vector<IndexRange> ranges;
  double ms = 0;
};

ModelRunner::~ModelRunner() = default;

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

void Runner::enqueue(const std::map<std::string, DeviceTensorView>& inputs,
                     const std::map<std::string, DeviceTensorView>& outputs, DeviceStream stream) {
  guarded([&] { impl_->enqueue(inputs, outputs, stream); });
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
