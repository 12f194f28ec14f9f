#include "api/arguments.h"

#include <algorithm>
#include <set>
#include <string>

#include "api/tensor.h"
#include "core/check.h"
#include "graph/computed_sizes.h"

namespace lasso {

using graph::Graph;
using graph::Value;
using graph::ValueId;

namespace {

std::vector<ArgumentInfo> arguments_of(const Graph& graph, const std::vector<ValueId>& ids,
                                       ArgumentRole role) {
  const graph::Bindings typical = graph::typical_sizes(graph);
  std::vector<ArgumentInfo> arguments;
  std::set<std::string> names;
  for (const ValueId id : ids) {
    const Value& value = graph.value(id);
    LASSO_CHECK(names.insert(value.name).second, ErrorCode::kUnsupported,
                "program {} has two arguments called \"{}\"", graph.name, value.name);
    ArgumentInfo& argument = arguments.emplace_back();
    argument.name = value.name;
    argument.type = element_type(value.dtype);
    argument.role = role;
    std::set<std::string> symbols;
    for (const graph::Dim& dim : value.shape) {
      argument.shape.push_back(graph::to_string(dim));
      symbols.merge(dim.symbols());
    }
    for (const std::string& symbol : symbols) {
      const graph::Range range = graph::range_of(graph.profile, symbol);
      for (const SizeRange& part : size_ranges(symbol, range, typical.at(symbol))) {
        argument.profile.push_back(part);
      }
    }
    const std::int64_t count = element_count(graph::evaluate(value.shape, typical));
    argument.bytes = static_cast<std::uint64_t>(count) * size_of(value.dtype);
  }
  return arguments;
}

}  // namespace

std::vector<SizeRange> size_ranges(const std::string& symbol, const graph::Range& range,
                                   std::int64_t typical) {
  if (range.parts.empty()) return {{symbol, range.min, typical, range.max}};
  std::vector<SizeRange> ranges;
  for (const graph::Range& part : range.parts) {
    ranges.push_back({symbol, part.min, part.opt, part.max});
  }
  return ranges;
}

std::vector<bool> decide_sizes(const Graph& program) {
  if (program.computed.graph == nullptr) return std::vector<bool>(program.inputs.size(), false);
  return graph::reads_values(*program.computed.graph);
}

std::vector<std::optional<std::size_t>> count_places(const Graph& program) {
  std::vector<std::optional<std::size_t>> places(program.outputs.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto count = program.value(program.outputs[i]).count;
    const auto at = count ? std::find(program.outputs.begin(), program.outputs.end(), *count)
                          : program.outputs.end();
    // Of other dimensions than the first, zeros stand behind what counts.
    const bool rows = at != program.outputs.end() && program.value(*count).shape.empty();
    if (rows) places[i] = static_cast<std::size_t>(at - program.outputs.begin());
  }
  return places;
}

std::vector<ArgumentInfo> inputs_of(const Graph& program) {
  auto arguments = arguments_of(program, program.inputs, ArgumentRole::kInput);
  const std::vector<bool> sizes = decide_sizes(program);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (sizes[i]) arguments[i].role = ArgumentRole::kSizes;
  }
  return arguments;
}

std::vector<ArgumentInfo> outputs_of(const Graph& program) {
  auto arguments = arguments_of(program, program.outputs, ArgumentRole::kOutput);
  const auto counts = count_places(program);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!counts[i]) continue;
    arguments[i].count = arguments[*counts[i]].name;
    arguments[*counts[i]].role = ArgumentRole::kCount;
  }
  return arguments;
}

const char* to_string(ArgumentRole role) noexcept {
  switch (role) {
    case ArgumentRole::kInput:
      return "input";
    case ArgumentRole::kSizes:
      return "sizes";
    case ArgumentRole::kOutput:
      return "output";
    case ArgumentRole::kCount:
      return "count";
  }
  return "unknown";
}

}  // namespace lasso
