#include "graph/computed_sizes.h"

#include <algorithm>
#include <set>

#include "core/check.h"

namespace lasso::graph {

std::vector<bool> reads_values(const Graph& sizes) {
  std::vector<bool> reads(sizes.inputs.size(), false);
  const auto mark = [&](ValueId id) {
    const auto input = std::find(sizes.inputs.begin(), sizes.inputs.end(), id);
    if (input != sizes.inputs.end()) {
      reads[static_cast<std::size_t>(input - sizes.inputs.begin())] = true;
    }
  };
  for (const Node& node : sizes.nodes) {
    if (std::holds_alternative<Sizes>(node.op)) continue;
    std::for_each(node.inputs.begin(), node.inputs.end(), mark);
  }
  std::for_each(sizes.outputs.begin(), sizes.outputs.end(), mark);
  return reads;
}

bool is_small(const Value& value) {
  std::int64_t elements = 1;
  for (const Dim& dim : value.shape) {
    if (!dim.is_constant() || dim.constant() < 0) return false;
    if (__builtin_mul_overflow(elements, dim.constant(), &elements)) return false;
  }
  return elements <= kMostSizeElements;
}

bool has_symbols(const Op& op) {
  try {
    bound(op, {});
    return false;
  } catch (const Error&) {
    return true;
  }
}

double work_of(const Graph& graph, const Node& node) {
  double elements = 0;
  const auto add = [&](ValueId id) {
    if (id == kNoValue || !is_small(graph.value(id))) return;
    elements += static_cast<double>(element_count(evaluate(graph.value(id).shape, {})));
  };
  if (std::holds_alternative<Sizes>(node.op)) return 0;
  std::for_each(node.inputs.begin(), node.inputs.end(), add);
  std::for_each(node.outputs.begin(), node.outputs.end(), add);
  return flops(graph, node, {}) + elements;
}

void check_computed_sizes(const Graph& program) {
  const ComputedSizes& computed = program.computed;
  const auto check = [&](bool condition, const std::string& what) {
    LASSO_CHECK(condition, ErrorCode::kInternal, "program {}: what computes its sizes {}",
                program.name, what);
  };
  if (computed.graph == nullptr) return check(computed.symbols.empty(), "is missing");
  check(!computed.symbols.empty() && computed.symbols.size() <= kMostComputedSymbols,
        "has no results, or too many");
  const std::vector<std::string> all = symbols(program);
  check(std::set<std::string>(all.begin(), all.end()).size() == all.size(),
        "gives a symbol that has its value");

  const Graph& sizes = *computed.graph;
  check(sizes.computed.graph == nullptr, "has computed sizes itself");
  check(sizes.inputs.size() == program.inputs.size(), "has other inputs");
  check(sizes.nodes.size() <= kMostSizeNodes, "has too many nodes");
  verify(sizes);
  for (std::size_t i = 0; i < sizes.inputs.size(); ++i) {
    const Value& input = sizes.value(sizes.inputs[i]);
    const Value& own = program.value(program.inputs[i]);
    check(input.name == own.name && input.dtype == own.dtype && input.shape == own.shape,
          "has other inputs");
  }
  const auto count = static_cast<std::int64_t>(computed.symbols.size());
  check(sizes.outputs.size() == 1 && sizes.value(sizes.outputs[0]).dtype == DType::kI32 &&
            sizes.value(sizes.outputs[0]).shape == Shape{Dim(count)},
        "has another output than an int32 for each symbol");
  const std::vector<bool> reads = reads_values(sizes);
  for (std::size_t i = 0; i < reads.size(); ++i) {
    check(!reads[i] || is_small(sizes.value(sizes.inputs[i])), "reads an input that is large");
  }
  double work = 0;
  for (const Node& node : sizes.nodes) {
    for (const ValueId id : node.inputs) {
      const bool is_input =
          std::find(sizes.inputs.begin(), sizes.inputs.end(), id) != sizes.inputs.end();
      check(id == kNoValue || is_input || is_small(sizes.value(id)), "has a large value");
    }
    for (const ValueId id : node.outputs) check(is_small(sizes.value(id)), "has a large value");
    work += work_of(sizes, node);
  }
  check(work <= kMostSizeFlops, "takes too many operations");
}

}  // namespace lasso::graph
