#include "engine/run/bind_program.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "engine/compile/choose_kernel.h"
#include "kernels/registry.h"

namespace lasso::engine {

using graph::Bindings;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

void WeightsSection::check(const StoredBytes& stored) {
  LASSO_CHECK(stored.offset % kAlignment == 0 && stored.offset <= bytes_ && stored.bytes >= 1 &&
                  stored.bytes <= bytes_ - stored.offset,
              ErrorCode::kCorruptFile, "{} bytes of weights at {} lie outside the section's {}",
              stored.bytes, stored.offset, bytes_);
  const auto [it, is_new] = blocks_.emplace(stored.offset, stored.bytes);
  LASSO_CHECK(is_new || it->second == stored.bytes, ErrorCode::kCorruptFile,
              "weights of {} and {} bytes lie at {}", it->second, stored.bytes, stored.offset);
}

void WeightsSection::check_all_used() const {
  std::uint64_t end = 0;
  for (const auto& [offset, bytes] : blocks_) {
    LASSO_CHECK(offset == align_up(end), ErrorCode::kCorruptFile,
                "weights lie at {}, and the ones before them end at {}", offset, end);
    end = offset + bytes;
  }
  LASSO_CHECK(end == bytes_, ErrorCode::kCorruptFile, "weights end at {}, and the section at {}",
              end, bytes_);
}

namespace {

// Of one value and of one node at the typical sizes: a thousand times what the largest models have.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 36;
constexpr double kMaxFlops = 1e15;

class Binder {
 public:
  Binder(CompiledProgram& program, const CompiledModule& module, WeightsSection& weights)
      : program_(program),
        graph_(program.graph),
        reference_(module.options.reference),
        target_(module.options.target),
        times_hold_(module.times_hold(target_)),
        weights_(weights) {}

  void run() {
    graph::verify(graph_);
    check(outputs_are_separate(graph_), "an output that is also something else");
    program_.symbols = graph::symbols(graph_);
    const Bindings least = graph::least_sizes(graph_);
    check(graph_.typical.size() == least.size() &&
              std::equal(least.begin(), least.end(), graph_.typical.begin(),
                         [](const auto& a, const auto& b) { return a.first == b.first; }),
          "typical sizes of other symbols than its inputs'");
    const std::string empty = graph::empty_dimension(graph_);
    check(empty.empty(), empty);
    for (const Value& value : graph_.values) check_value(value);
    graph::check_slices(graph_, graph_.typical);
    for (const StoredBytes& constant : program_.constants) {
      if (constant.bytes > 0) weights_.check(constant);
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      bind_node(graph_.nodes[i], program_.nodes[i]);
    }
  }

 private:
  void check(bool condition, const std::string& seen) const {
    LASSO_CHECK(condition, ErrorCode::kCorruptFile, "program {} has {}", graph_.name, seen);
  }

  void check_value(const Value& value) const {
    const std::int64_t elements = element_count(graph::evaluate(value.shape, graph_.typical));
    check(elements <= kMaxElements, fmt::format("{} elements in \"{}\"", elements, value.name));
  }

  void check_node(const Node& node) const {
    const std::string& name = graph_.value(node.outputs.front()).name;
    const double flops = graph::flops(graph_, node, graph_.typical);
    check(flops <= kMaxFlops, fmt::format("{:.3g} operations in \"{}\"", flops, name));
  }

  void bind_node(const Node& node, CompiledNode& compiled) {
    check_node(node);
    const std::string& name = graph_.value(node.outputs.front()).name;
    if (std::holds_alternative<graph::Reshape>(node.op)) {
      check(compiled.packed.bytes == 0, fmt::format("packed weights of the reshape \"{}\"", name));
      check_plain_inputs(node, compiled);
      return;
    }
    const kernels::Family& family = kernels::family_of(node.op, target_.kind);
    const kernels::Call call = make_call(graph_, node, graph_.typical);
    compiled.family = &family;
    compiled.packed_inputs = family.packed_inputs(call);
    const PackedForm packed{compiled.packed_layout,
                            static_cast<std::size_t>(compiled.packed.bytes)};
    const auto choice =
        choose_kernel(family, call, reference_, target_, &packed,
                      times_hold_ ? compiled.preferred : Preference{}, compiled.rejected);
    LASSO_CHECK(choice, ErrorCode::kUnsupported,
                "program {}, value \"{}\": its weights are packed as \"{}\", {} bytes, and no {} "
                "kernel of this release reads that: build the engine again with \"lasso build\" "
                "({})",
                graph_.name, name, packed.layout, packed.bytes, family.name(),
                fmt::join(compiled.rejected, "; "));
    compiled.kernel = choice->kernel;
    compiled.implementation = choice->offer.implementation;
    if (compiled.packed.bytes > 0) weights_.check(compiled.packed);
    check_plain_inputs(node, compiled);
  }

  // Constants that a kernel is given must be there.
  void check_plain_inputs(const Node& node, const CompiledNode& compiled) const {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == kNoValue || !graph_.value(id).constant) continue;
      const auto& packed = compiled.packed_inputs;
      check(std::find(packed.begin(), packed.end(), i) != packed.end() ||
                program_.constants[static_cast<std::size_t>(id)].bytes > 0,
            fmt::format("no data for the constant \"{}\"", graph_.value(id).name));
    }
  }

  CompiledProgram& program_;
  Graph& graph_;
  bool reference_;
  backend::TargetInfo target_;
  bool times_hold_;
  WeightsSection& weights_;
};

}  // namespace

void bind_program(CompiledProgram& program, const CompiledModule& module, WeightsSection& weights) {
  Binder(program, module, weights).run();
}

}  // namespace lasso::engine
