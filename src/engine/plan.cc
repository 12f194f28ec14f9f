#include "engine/plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/check.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using kernels::KernelArgs;

namespace {

// Far beyond what memory holds, and small enough for kernels to count operations in 64 bits.
constexpr std::int64_t kMaxSymbol = std::int64_t{1} << 24;

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
void fill_with_nan(std::byte* data, std::size_t bytes) {
  if (data != nullptr) std::memset(data, 0xff, bytes);
}

}  // namespace

Plan::Plan(const CompiledProgram& program, const CompileOptions& options, int threads,
           std::span<const std::int64_t> symbols)
    : program_(program) {
  LASSO_CHECK(symbols.size() == program.symbols.size(), ErrorCode::kInternal,
              "program {} has {} symbols, and {} values came", program.graph.name,
              program.symbols.size(), symbols.size());
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    LASSO_CHECK(symbols[i] >= 1 && symbols[i] <= kMaxSymbol, ErrorCode::kInvalidArgument,
                "program {}: {} is {}, and 1 to {} is expected", program.graph.name,
                program.symbols[i], symbols[i], kMaxSymbol);
    bindings_[program.symbols[i]] = symbols[i];
  }
  check_sizes();
  place_values();
  add_steps(options, {options.isa, threads});
  plan_arena();
}

// Sizes that kernels may count with in 64 bits, whatever the program is.
void Plan::check_sizes() const {
  constexpr double kMaxFlops = 1e18;
  const Graph& graph = program_.graph;
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
void Plan::place_values() {
  const Graph& graph = program_.graph;
  root_.resize(graph.values.size());
  places_.resize(graph.values.size());
  for (std::size_t i = 0; i < root_.size(); ++i) {
    root_[i] = static_cast<ValueId>(i);
    if (program_.constants[i].data != nullptr) {
      places_[i] = {Place::Kind::kConstant, 0, program_.constants[i].data};
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

Plan::Place Plan::place_of(ValueId id) const {
  if (id == kNoValue) return {};
  return places_[static_cast<std::size_t>(root_[static_cast<std::size_t>(id)])];
}

// The best kernel for these sizes among those that read the weights as they were packed.
KernelChoice Plan::choose(const Node& node, const CompiledNode& compiled, const kernels::Call& call,
                          const CompileOptions& options, const kernels::Target& target) const {
  const PackedForm packed{compiled.packed_layout, static_cast<std::size_t>(compiled.packed.bytes)};
  std::vector<std::string> reasons;
  auto choice = choose_kernel(*compiled.family, call, options, target, &packed, reasons);
  LASSO_CHECK(choice, ErrorCode::kUnsupported,
              "program {}, value \"{}\": no kernel computes these sizes: {}", program_.graph.name,
              program_.graph.value(node.outputs.front()).name, fmt::join(reasons, "; "));
  return std::move(*choice);
}

void Plan::add_steps(const CompileOptions& options, const kernels::Target& target) {
  const Graph& graph = program_.graph;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const CompiledNode& compiled = program_.nodes[i];
    if (compiled.family == nullptr) continue;
    const kernels::Call call = make_call(graph, node, bindings_);
    const auto [kernel, plan] = choose(node, compiled, call, options, target);
    Step step;
    step.run = compiled.family->run(kernel);
    step.state = compiled.family->create(kernel, call, target);
    step.packed = compiled.packed.data;
    step.node = i;
    step.dims = call.outputs.front().dims;
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
    if (plan.workspace_bytes > 0) {
      step.has_workspace = true;
      step.workspace_block = blocks_.size();
      blocks_.push_back({plan.workspace_bytes, index, index});
    }
    step.inputs.resize(node.inputs.size(), nullptr);
    step.outputs.resize(node.outputs.size(), nullptr);
    steps_.push_back(std::move(step));
  }
}

void Plan::plan_arena() {
  memory_ = plan_memory(blocks_);
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
}

void Plan::set_arguments(std::span<const void* const> inputs, std::span<void* const> outputs) {
  const Graph& graph = program_.graph;
  LASSO_CHECK(inputs.size() == graph.inputs.size() && outputs.size() == graph.outputs.size(),
              ErrorCode::kInternal, "program {} has {} inputs and {} outputs; {} and {} came",
              graph.name, graph.inputs.size(), graph.outputs.size(), inputs.size(), outputs.size());
  for (const Patch& patch : input_patches_) {
    steps_[patch.step].inputs[patch.operand] = inputs[patch.argument];
  }
  for (const Patch& patch : output_patches_) {
    steps_[patch.step].outputs[patch.operand] = outputs[patch.argument];
  }
  for (const Patch& patch : read_back_patches_) {
    steps_[patch.step].inputs[patch.operand] = outputs[patch.argument];
  }
}

void Plan::run(bool poison, const AfterStep& after) const {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (poison) poison_before(step);
    const KernelArgs args{step.inputs.data(), step.outputs.data(), step.packed, step.workspace};
    if (after) {
      const auto start = std::chrono::steady_clock::now();
      step.run(*step.state, args);
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - start;
      after(program_.graph.nodes[step.node], step.dims, step.outputs.data(), time.count());
    } else {
      step.run(*step.state, args);
    }
    if (poison) poison_after(i);
  }
}

void Plan::poison_before(const Step& step) const {
  for (std::size_t k = 0; k < step.outputs.size(); ++k) {
    fill_with_nan(static_cast<std::byte*>(step.outputs[k]), step.result_bytes[k]);
  }
  if (step.has_workspace) fill_with_nan(step.workspace, blocks_[step.workspace_block].bytes);
}

void Plan::poison_after(std::size_t index) const {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    if (blocks_[b].last == index) fill_with_nan(arena_ + memory_.offsets[b], blocks_[b].bytes);
  }
}

}  // namespace lasso::engine
