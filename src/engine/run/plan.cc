#include "engine/run/plan.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/check.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

namespace {

std::size_t bytes_of(const Graph& graph, ValueId id, const graph::Bindings& bindings) {
  const graph::Value& value = graph.value(id);
  const std::int64_t count = element_count(graph::evaluate(value.shape, bindings));
  std::size_t bytes = 0;
  LASSO_CHECK(
      !__builtin_mul_overflow(static_cast<std::size_t>(count), size_of(value.dtype), &bytes) &&
          bytes <= std::size_t{1} << 46,
      ErrorCode::kInvalidArgument, "program {}: value \"{}\" would need {} elements", graph.name,
      value.name, count);
  return bytes;
}

// All bits set: NaN for every float type, an impossible index for integers.
constexpr std::byte kPoison{0xFF};

void check_dtype(const std::string& program, const char* what, std::size_t index, DType seen,
                 DType expected) {
  LASSO_CHECK(seen == expected, ErrorCode::kInvalidArgument, "program {}: {} {} is {}, not {}",
              program, what, index, to_string(seen), to_string(expected));
}

}  // namespace

Plan::Plan(const CompiledModule& module, const CompiledProgram& program,
           const backend::Device& device, const std::byte* weights,
           std::span<const std::int64_t> symbols)
    : program_(program), is_host_(device.is_host()) {
  LASSO_CHECK(symbols.size() == program.symbols.size(), ErrorCode::kInternal,
              "program {} has {} symbols, and {} values came", program.graph.name,
              program.symbols.size(), symbols.size());
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    bindings_[program.symbols[i]] = symbols[i];
  }
  graph::check_bindings(program.graph.name, program.graph.profile, bindings_);
  check_sizes();
  place_values(weights);
  place_arguments();
  {
    const auto current = device.make_current();
    add_steps(module, device.target(), weights);
  }
  plan_arena(device.alignment());
}

// Sizes that kernels may count with in 64 bits, whatever the program is.
void Plan::check_sizes() const {
  constexpr double kMaxFlops = 1e18;
  const Graph& graph = program_.graph;
  graph::check_slices(graph, bindings_);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    bytes_of(graph, static_cast<ValueId>(i), bindings_);
  }
  for (const Node& node : graph.nodes) {
    const double flops = graph::flops(graph, node, bindings_);
    LASSO_CHECK(flops <= kMaxFlops, ErrorCode::kInvalidArgument,
                "program {}: value \"{}\" would need {:.3g} operations", graph.name,
                graph.value(node.outputs.front()).name, flops);
  }
}

// Constants and arguments have their places; every other root value gets a block of the arena.
void Plan::place_values(const std::byte* weights) {
  const Graph& graph = program_.graph;
  root_.resize(graph.values.size());
  places_.resize(graph.values.size());
  for (std::size_t i = 0; i < root_.size(); ++i) {
    root_[i] = static_cast<ValueId>(i);
    if (program_.constants[i].bytes > 0) {
      places_[i] = {Place::Kind::kConstant, 0, weights + program_.constants[i].offset};
    }
  }
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    places_[static_cast<std::size_t>(graph.inputs[i])] = {Place::Kind::kInput, i, nullptr};
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (program_.nodes[i].family != nullptr) continue;
    root_[static_cast<std::size_t>(graph.nodes[i].outputs.front())] =
        root_[static_cast<std::size_t>(graph.nodes[i].inputs.front())];
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const ValueId root = root_[static_cast<std::size_t>(graph.outputs[i])];
    places_[static_cast<std::size_t>(root)] = {Place::Kind::kOutput, i, nullptr};
  }
}

// Where kernels can't use the host's memory, arguments have a place in the arena for the whole run:
// recorded runs need the same addresses every time, also where the caller's memory is the device's.
void Plan::place_arguments() {
  const Graph& graph = program_.graph;
  const auto add = [&](ValueId id, std::vector<Argument>& arguments) {
    const std::size_t bytes = bytes_of(graph, id, bindings_);
    arguments.push_back({graph.value(id).dtype, bytes, blocks_.size()});
    if (!is_host_) blocks_.push_back({bytes, 0, graph.nodes.size()});
  };
  for (const ValueId id : graph.inputs) add(id, inputs_);
  for (const ValueId id : graph.outputs) add(id, outputs_);
  input_pointers_.resize(inputs_.size());
  output_pointers_.resize(outputs_.size());
}

Plan::Place Plan::place_of(ValueId id) const {
  if (id == kNoValue) return {};
  return places_[static_cast<std::size_t>(root_[static_cast<std::size_t>(id)])];
}

// The best kernel for these sizes among those that read the weights as they were packed.
KernelChoice Plan::choose(const CompiledModule& module, const Node& node,
                          const CompiledNode& compiled, const kernels::Call& call,
                          const backend::TargetInfo& target) const {
  const PackedForm packed{compiled.packed_layout, static_cast<std::size_t>(compiled.packed.bytes)};
  const bool was_timed = bindings_ == program_.graph.typical && module.times_hold(target);
  std::vector<std::string> reasons;
  auto choice = choose_kernel(*compiled.family, call, module.options.reference, target, &packed,
                              was_timed ? compiled.preferred : Preference{}, reasons);
  LASSO_CHECK(choice, ErrorCode::kUnsupported,
              "program {}, value \"{}\": no kernel computes these sizes: {}", program_.graph.name,
              program_.graph.value(node.outputs.front()).name, fmt::join(reasons, "; "));
  return std::move(*choice);
}

void Plan::add_steps(const CompiledModule& module, const backend::TargetInfo& target,
                     const std::byte* weights) {
  const Graph& graph = program_.graph;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const CompiledNode& compiled = program_.nodes[i];
    if (compiled.family == nullptr) continue;
    const kernels::Call call = make_call(graph, node, bindings_);
    const auto [kernel, offer] = choose(module, node, compiled, call, target);
    Step step;
    step.run = compiled.family->run(kernel);
    step.state = compiled.family->create(kernel, call, target, offer);
    if (compiled.packed.bytes > 0) step.packed = weights + compiled.packed.offset;
    step.node = i;
    step.dims = call.outputs.front().dims;
    add_operands(node, compiled, step);
    if (offer.workspace_bytes > 0) {
      step.has_workspace = true;
      step.workspace_block = blocks_.size();
      blocks_.push_back({offer.workspace_bytes, steps_.size(), steps_.size()});
    }
    steps_.push_back(std::move(step));
  }
}

// Places of the next step's inputs and outputs.
void Plan::add_operands(const Node& node, const CompiledNode& compiled, Step& step) {
  const Graph& graph = program_.graph;
  const std::size_t index = steps_.size();
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const bool packed = std::find(compiled.packed_inputs.begin(), compiled.packed_inputs.end(),
                                  k) != compiled.packed_inputs.end();
    const Place place = packed ? Place{} : place_of(node.inputs[k]);
    LASSO_CHECK(packed || node.inputs[k] == kNoValue || place.kind != Place::Kind::kNone,
                ErrorCode::kInternal, "program {}: value \"{}\" lies nowhere", graph.name,
                graph.value(node.inputs[k]).name);
    step.input_places.push_back(place);
    if (place.kind == Place::Kind::kInput) input_patches_.push_back({index, k, place.index});
    if (place.kind == Place::Kind::kOutput) read_back_patches_.push_back({index, k, place.index});
    if (place.kind == Place::Kind::kArena) {
      blocks_[place.index].last = std::max(blocks_[place.index].last, index);
    }
  }
  for (std::size_t k = 0; k < node.outputs.size(); ++k) {
    step.result_bytes.push_back(bytes_of(graph, node.outputs[k], bindings_));
    Place& out = places_[static_cast<std::size_t>(node.outputs[k])];
    if (out.kind == Place::Kind::kNone) {
      out = {Place::Kind::kArena, blocks_.size(), nullptr};
      blocks_.push_back({step.result_bytes.back(), index, index});
    } else {
      output_patches_.push_back({index, k, out.index});
    }
    step.output_places.push_back(out);
  }
  step.inputs.resize(node.inputs.size(), nullptr);
  step.outputs.resize(node.outputs.size(), nullptr);
}

void Plan::plan_arena(std::size_t alignment) {
  memory_ = plan_memory(blocks_, alignment);
  check_memory_plan(blocks_, memory_);
  for (Step& step : steps_) {
    for (std::size_t k = 0; k < step.inputs.size(); ++k) {
      if (step.input_places[k].kind == Place::Kind::kConstant) {
        step.inputs[k] = step.input_places[k].constant;
      }
    }
  }
}

void Plan::set_arena(std::byte* arena) {
  if (arena == arena_) return;
  arena_ = arena;
  recording_.reset();
  for (Step& step : steps_) {
    for (std::size_t k = 0; k < step.inputs.size(); ++k) {
      const Place& place = step.input_places[k];
      if (place.kind == Place::Kind::kArena) step.inputs[k] = arena + memory_.offsets[place.index];
    }
    for (std::size_t k = 0; k < step.outputs.size(); ++k) {
      const Place& place = step.output_places[k];
      if (place.kind == Place::Kind::kArena) step.outputs[k] = arena + memory_.offsets[place.index];
    }
    if (step.has_workspace) step.workspace = arena + memory_.offsets[step.workspace_block];
  }
  if (is_host_) return;
  for (std::size_t i = 0; i < inputs_.size(); ++i) input_pointers_[i] = place_in_arena(inputs_[i]);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    output_pointers_[i] = place_in_arena(outputs_[i]);
  }
  set_argument_pointers();
}

void Plan::set_arguments(backend::Stream& stream, std::span<const ConstTensorRef> inputs,
                         std::span<const TensorRef> outputs) {
  const std::string& name = program_.graph.name;
  LASSO_CHECK(inputs.size() == inputs_.size() && outputs.size() == outputs_.size(),
              ErrorCode::kInvalidArgument,
              "program {} has {} inputs and {} outputs; {} and {} came", name, inputs_.size(),
              outputs_.size(), inputs.size(), outputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_dtype(name, "input", i, inputs[i].dtype, inputs_[i].dtype);
    if (is_host_) {
      input_pointers_[i] = inputs[i].data;
    } else if (inputs[i].space == MemorySpace::kDevice) {
      stream.copy(place_in_arena(inputs_[i]), inputs[i].data, inputs_[i].bytes);
    } else {
      stream.upload(place_in_arena(inputs_[i]), inputs[i].data, inputs_[i].bytes);
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    check_dtype(name, "output", i, outputs[i].dtype, outputs_[i].dtype);
    if (is_host_) output_pointers_[i] = outputs[i].data;
  }
  if (is_host_) set_argument_pointers();
}

void Plan::set_argument_pointers() {
  for (const Patch& patch : input_patches_) {
    steps_[patch.step].inputs[patch.operand] = input_pointers_[patch.argument];
  }
  for (const Patch& patch : output_patches_) {
    steps_[patch.step].outputs[patch.operand] = output_pointers_[patch.argument];
  }
  for (const Patch& patch : read_back_patches_) {
    steps_[patch.step].inputs[patch.operand] = output_pointers_[patch.argument];
  }
}

// Streams copy the arrays of pointers, so that the next call may patch them while this one runs.
void Plan::launch(backend::Stream& stream, const Step& step) const {
  const backend::KernelArgs args{step.inputs, step.outputs, step.packed, step.workspace, nullptr};
  try {
    stream.launch(step.run, *step.state, args);
  } catch (const Error& error) {
    if (stream.has_failed()) throw;  // an earlier step has
    const Graph& graph = program_.graph;
    fail(error.code(), "program {}, value \"{}\": {}", graph.name,
         graph.value(graph.nodes[step.node].outputs.front()).name, error.what());
  }
}

void Plan::run_step(backend::Stream& stream, const Step& step, const AfterStep& after) const {
  if (!after) {
    launch(stream, step);
    return;
  }
  const double ms = stream.time([&] { launch(stream, step); });
  after(program_.graph.nodes[step.node], step.dims, step.outputs, ms);
}

void Plan::run_steps(backend::Stream& stream, bool poison, const AfterStep& after) const {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (poison) poison_before(stream, steps_[i]);
    run_step(stream, steps_[i], after);
    if (poison) poison_after(stream, i);
  }
}

// Kernels set themselves up in their first run, so that the second one is recorded.
void Plan::run_recorded(backend::Stream& stream) {
  if (recording_ == nullptr && has_run_ && can_record_) {
    recording_ = stream.record([&] { run_steps(stream, false, {}); });
    can_record_ = recording_ != nullptr;
  }
  if (recording_ != nullptr) {
    stream.replay(*recording_);
  } else {
    run_steps(stream, false, {});
  }
  has_run_ = true;
}

void Plan::record(backend::Stream& stream) {
  if (is_host_) return;
  while (recording_ == nullptr && can_record_) run_recorded(stream);
}

void Plan::enqueue(backend::Stream& stream, std::span<const ConstTensorRef> inputs,
                   std::span<const TensorRef> outputs, bool poison, const AfterStep& after) {
  set_arguments(stream, inputs, outputs);
  if (is_host_ || poison || after) {
    run_steps(stream, poison, after);
  } else {
    run_recorded(stream);
  }
  if (is_host_) return;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].space == MemorySpace::kDevice) {
      stream.copy(outputs[i].data, output_pointers_[i], outputs_[i].bytes);
    } else {
      stream.download(outputs[i].data, output_pointers_[i], outputs_[i].bytes);
    }
  }
}

void Plan::poison_before(backend::Stream& stream, const Step& step) const {
  for (std::size_t k = 0; k < step.outputs.size(); ++k) {
    stream.fill(step.outputs[k], kPoison, step.result_bytes[k]);
  }
  if (step.has_workspace) {
    stream.fill(step.workspace, kPoison, blocks_[step.workspace_block].bytes);
  }
}

void Plan::poison_after(backend::Stream& stream, std::size_t index) const {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    if (blocks_[b].last == index) {
      stream.fill(arena_ + memory_.offsets[b], kPoison, blocks_[b].bytes);
    }
  }
}

}  // namespace lasso::engine
