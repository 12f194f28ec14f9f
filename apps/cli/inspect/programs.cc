#include "cli/inspect/programs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cli/console.h"
#include "cli/inspect/summary.h"
#include "cli/table.h"
#include "common/text.h"

namespace lasso::app {

namespace {

// "batch 1:4:8, points 1:2:"; a most that nobody has set is left out.
std::string profile_text(const std::vector<SizeRange>& ranges) {
  std::vector<std::string> texts;
  for (const SizeRange& range : ranges) {
    texts.push_back(fmt::format("{} {}:{}:{}", printable(range.symbol), range.min, range.opt,
                                range.max == SizeRange::kMost ? "" : fmt::format("{}", range.max)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string shape_text(const ArgumentInfo& argument) {
  return printable(fmt::format("[{}]", fmt::join(argument.shape, ", ")));
}

OrderedJson profile_json(const std::vector<SizeRange>& ranges) {
  OrderedJson json = OrderedJson::object();
  for (const SizeRange& range : ranges) {
    const OrderedJson one = {{"min", range.min}, {"opt", range.opt}, {"max", range.max}};
    if (!json.contains(range.symbol)) {
      json[range.symbol] = one;
      continue;
    }
    OrderedJson& all = json[range.symbol];
    if (!all.contains("ranges")) {
      const OrderedJson first = all;
      all["ranges"] = OrderedJson::array();
      all["ranges"].push_back(first);
    }
    all["ranges"].push_back(one);
    all["min"] = std::min(all["min"].get<std::int64_t>(), range.min);
    all["max"] = std::max(all["max"].get<std::int64_t>(), range.max);
  }
  return json;
}

OrderedJson argument_json(const ArgumentInfo& argument) {
  OrderedJson json = {{"name", argument.name},
                      {"role", to_string(argument.role)},
                      {"type", to_string(argument.type)},
                      {"shape", argument.shape},
                      {"profile", profile_json(argument.profile)},
                      {"bytes", argument.bytes}};
  if (!argument.count.empty()) json["count"] = argument.count;
  return json;
}

}  // namespace

double total_gflop(const ProgramInfo& program) {
  double gflop = 0;
  for (const LayerInfo& layer : program.layers) gflop += layer.gflop;
  return gflop;
}

std::map<std::string, int> fused_layers(const ProgramInfo& program) {
  std::map<std::string, int> counts;
  for (const LayerInfo& layer : program.layers) {
    if (!layer.fused.empty()) ++counts[layer.fused];
  }
  return counts;
}

void print_program(const ProgramInfo& program, std::uint64_t arena_bytes) {
  print(fmt::format("\n{}  {} layers, {:.3g} GFLOP, an arena of {}B",
                    styled(Style::kBold, printable(program.name)), program.layers.size(),
                    total_gflop(program), quantity(static_cast<double>(arena_bytes))));
  Table table({{"role"}, {"name"}, {"type"}, {"shape"}, {"profile"}, {"bytes", Align::kRight}});
  for (const ArgumentInfo& argument : program.arguments) {
    table.add({to_string(argument.role), printable(argument.name), to_string(argument.type),
               shape_text(argument), profile_text(argument.profile),
               fmt::format("{}", argument.bytes)});
  }
  print(table.text());
  if (!program.sizes.empty()) print("  sizes: " + profile_text(program.sizes));
  std::vector<std::string> fused;
  for (const auto& [name, count] : fused_layers(program)) {
    fused.push_back(fmt::format("{} {}", count, name));
  }
  if (!fused.empty()) print(fmt::format("  fused: {}", fmt::join(fused, ", ")));
}

OrderedJson program_json(const ProgramInfo& program, std::uint64_t arena_bytes) {
  OrderedJson json = {{"name", program.name},
                      {"inputs", program.inputs},
                      {"outputs", program.outputs},
                      {"arguments", OrderedJson::array()},
                      {"sizes", profile_json(program.sizes)},
                      {"layer_count", program.layers.size()},
                      {"fused", fused_layers(program)},
                      {"arena_bytes", arena_bytes},
                      {"gflop", total_gflop(program)}};
  for (const ArgumentInfo& argument : program.arguments) {
    json["arguments"].push_back(argument_json(argument));
  }
  return json;
}

}  // namespace lasso::app
