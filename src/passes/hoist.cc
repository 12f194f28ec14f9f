#include <algorithm>
#include <utility>

#include "core/check.h"
#include "graph/multiple.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::kNoValue;
using graph::ValueId;

namespace {

// The symbols of the inputs that stay, and of none that move.
std::vector<std::string> remaining_symbols(const graph::Graph& graph,
                                           const std::vector<bool>& moved) {
  std::vector<std::string> symbols = graph::symbols(graph);
  for (const ValueId id : graph.inputs) {
    if (!moved[static_cast<std::size_t>(id)]) continue;
    for (const graph::Dim& dim : graph.value(id).shape) {
      if (const auto size = graph::as_multiple(dim)) std::erase(symbols, size->symbol);
    }
  }
  return symbols;
}

// Whether a node's results, or its attributes, depend on one of these sizes.
bool depends_on(const graph::Graph& graph, const graph::Node& node,
                const std::vector<std::string>& symbols) {
  return std::any_of(symbols.begin(), symbols.end(), [&](const std::string& symbol) {
    const auto has_symbol = [&](ValueId id) {
      const graph::Shape& shape = graph.value(id).shape;
      return std::any_of(shape.begin(), shape.end(),
                         [&](const graph::Dim& dim) { return dim.has_symbol(symbol); });
    };
    return std::any_of(node.outputs.begin(), node.outputs.end(), has_symbol) ||
           !(graph::with_size(node.op, symbol, 1) == node.op);
  });
}

// For each value whether it is one of the named inputs, or made from such and constants alone, with
// sizes that these have.
std::vector<bool> moved_values(const graph::Graph& graph, const std::vector<std::string>& inputs) {
  std::vector<bool> moved(graph.values.size(), false);
  for (const ValueId id : graph.inputs) {
    moved[static_cast<std::size_t>(id)] =
        std::find(inputs.begin(), inputs.end(), graph.value(id).name) != inputs.end();
  }
  const std::vector<std::string> others = remaining_symbols(graph, moved);
  for (const graph::Node& node : graph.nodes) {
    bool any = false;
    const bool all = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      if (id == kNoValue || graph.value(id).constant) return true;
      any = any || moved[static_cast<std::size_t>(id)];
      return static_cast<bool>(moved[static_cast<std::size_t>(id)]);
    });
    if (!all || !any || depends_on(graph, node, others)) continue;
    for (const ValueId id : node.outputs) moved[static_cast<std::size_t>(id)] = true;
  }
  return moved;
}

// Returns the program that is split off; `graph` becomes the rest.
graph::Graph split_off(graph::Graph& graph, const graph::Split& split, const PassContext& context) {
  const std::vector<bool> moved = moved_values(graph, split.inputs);
  const auto is_moved = [&](ValueId id) {
    return id != kNoValue && moved[static_cast<std::size_t>(id)];
  };
  graph::Graph first = graph;
  first.name = split.name;
  first.outputs.clear();
  std::erase_if(first.inputs, [&](ValueId id) { return !is_moved(id); });
  std::erase_if(first.nodes, [&](const graph::Node& node) { return !is_moved(node.outputs[0]); });
  std::erase_if(graph.nodes, [&](const graph::Node& node) { return is_moved(node.outputs[0]); });

  // What of the moved values is still read here, counts beside what they count.
  std::vector<bool> read(graph.values.size(), false);
  const auto mark = [&](ValueId id) {
    if (!is_moved(id)) return;
    read[static_cast<std::size_t>(id)] = true;
    if (const auto count = graph.value(id).count) read[static_cast<std::size_t>(*count)] = true;
  };
  for (const graph::Node& node : graph.nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), mark);
  }
  std::for_each(graph.outputs.begin(), graph.outputs.end(), mark);
  std::vector<ValueId> remaining;
  for (const ValueId id : graph.inputs) {
    if (!is_moved(id) || read[static_cast<std::size_t>(id)]) remaining.push_back(id);
  }
  for (const graph::Node& node : first.nodes) {
    for (const ValueId id : node.outputs) {
      if (read[static_cast<std::size_t>(id)]) first.outputs.push_back(id);
    }
  }
  graph.inputs = first.outputs;
  graph.inputs.insert(graph.inputs.end(), remaining.begin(), remaining.end());

  // A program's inputs outlive its dead values: those that nothing reads go by hand.
  std::vector<bool> used(first.values.size(), false);
  for (const graph::Node& node : first.nodes) {
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) used[static_cast<std::size_t>(id)] = true;
    }
  }
  std::erase_if(first.inputs, [&](ValueId id) { return !used[static_cast<std::size_t>(id)]; });
  const std::vector<std::string> names = graph::symbols(first);
  const auto is_gone = [&](const auto& entry) {
    return std::find(names.begin(), names.end(), entry.first) == names.end();
  };
  std::erase_if(first.typical, is_gone);
  std::erase_if(first.profile, is_gone);
  graph = eliminate_dead(std::move(graph), context);
  return eliminate_dead(std::move(first), context);
}

}  // namespace

graph::Module hoist(graph::Module module, const PassContext& context) {
  for (const graph::Split& split : module.splits) {
    const auto program =
        std::find_if(module.programs.begin(), module.programs.end(),
                     [&](const graph::Graph& graph) { return graph.name == split.program; });
    LASSO_CHECK(program != module.programs.end(), ErrorCode::kInternal,
                "the program {} is to be split, and there is none", split.program);
    graph::Graph first = split_off(*program, split, context);
    module.programs.insert(program, std::move(first));
  }
  module.splits.clear();
  return module;
}

}  // namespace lasso::passes
