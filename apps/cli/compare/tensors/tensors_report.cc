// What is told of two models on the same tensors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/compare/report_parts.h"
#include "cli/compare/tensors/compare_tensors.h"
#include "cli/console.h"
#include "common/text.h"
#include "core/tensor.h"

namespace lasso::app {

namespace {

OrderedJson side_json(const Operand& operand, const OrderedJson& info, double ms) {
  return {{"file", json_name(operand.model())},
          {"variant", operand.variant},
          {"model", info.at("model")},
          {"program", info.at("program")},
          {"settings", info.at("settings")},
          {"timings", {{"model_load_ms", info.at("load_ms")}, {"run_ms", ms}}}};
}

OrderedJson output_json(const ComparedOutput& output) {
  OrderedJson json = layer_json(output.difference);
  // The key of an output, in the place of a layer's.
  OrderedJson renamed = OrderedJson::object();
  for (const auto& [key, value] : json.items()) {
    renamed[key == "layer" ? "output" : key == "layer_b" ? "output_b" : key] = value;
  }
  if (output.iou) renamed["iou"] = *output.iou;
  return renamed;
}

void print_side(const char* name, const Operand& operand, const OrderedJson& info, double ms) {
  print(fmt::format("{}  {}  {}, program {}; {:.2f} ms", styled(Style::kBold, name),
                    printable(operand.text()), printable(info.at("model").get<std::string>()),
                    info.at("program").get<std::string>(), ms));
  print("   " + info.at("settings_text").get<std::string>());
}

void print_inputs(const TensorComparison& comparison, const TensorTask& task) {
  for (const ComparedInput& input : comparison.inputs) {
    print(fmt::format(
        "   in  {}{}: {} {}, {}", printable(input.name),
        input.name == input.name_b ? "" : " (" + printable(input.name_b) + ")", input.type,
        lasso::to_string(input.shape),
        input.source == "random" ? fmt::format("random, seed {}", task.seed) : input.source));
  }
}

void print_layers(const TensorComparison& comparison, const Criteria& criteria,
                  const LayerDifference* first) {
  Table table = layer_table("layer");
  for (const LayerDifference& layer : comparison.layers) {
    add_row(&table, layer, criteria, false, first);
  }
  if (!comparison.layers.empty()) print(table.text());
  print(fmt::format("{} layers compared, by {}; {} of A and {} of B have no counterpart",
                    comparison.layers.size(), comparison.by_name ? "name" : "operation and place",
                    comparison.layers_only_a, comparison.layers_only_b));
  if (const LayerDifference* worst = comparison.worst_layer()) {
    print(fmt::format("worst relative error {:.2e} in {}", worst->relative(), worst->key));
  }
}

}  // namespace

OrderedJson to_json(const TensorComparison& comparison, const Operand& a, const Operand& b,
                    const TensorTask& task, const Criteria& criteria) {
  const LayerDifference* first = comparison.first_divergence(criteria);
  const LayerDifference* worst = comparison.worst_layer();
  OrderedJson json = {{"a", side_json(a, comparison.info_a, comparison.ms_a)},
                      {"b", side_json(b, comparison.info_b, comparison.ms_b)},
                      {"runs", comparison.runs},
                      {"seed", task.seed}};
  json.update(criteria_json(criteria));
  json.update({{"equal_within_tolerance", first == nullptr},
               {"within_limits", misses(comparison, criteria, a, b).empty()},
               {"inputs", OrderedJson::array()},
               {"outputs", OrderedJson::array()},
               {"outputs_only_a", comparison.outputs_only_a},
               {"outputs_only_b", comparison.outputs_only_b},
               {"first_divergence", first != nullptr ? layer_json(*first) : OrderedJson()}});
  for (const ComparedInput& input : comparison.inputs) {
    json["inputs"].push_back({{"name", input.name},
                              {"name_b", input.name_b},
                              {"type", input.type},
                              {"shape", input.shape},
                              {"source", input.source}});
  }
  for (const ComparedOutput& output : comparison.outputs) {
    json["outputs"].push_back(output_json(output));
  }
  if (!task.layers) return json;
  json.update({{"layer_count", comparison.layers.size()},
               {"aligned_by", comparison.by_name ? "name" : "operation"},
               {"layers_only_a", comparison.layers_only_a},
               {"layers_only_b", comparison.layers_only_b},
               {"worst", worst != nullptr ? layer_json(*worst) : OrderedJson()},
               {"layers", OrderedJson::array()}});
  for (const LayerDifference& layer : comparison.layers) {
    json["layers"].push_back(layer_json(layer));
  }
  return json;
}

void print_comparison(const TensorComparison& comparison, const Operand& a, const Operand& b,
                      const TensorTask& task, const Criteria& criteria) {
  print_side("A", a, comparison.info_a, comparison.ms_a);
  print_side("B", b, comparison.info_b, comparison.ms_b);
  print_inputs(comparison, task);
  const LayerDifference* first = comparison.first_divergence(criteria);
  if (task.layers) print_layers(comparison, criteria, first);
  Table table = layer_table("output");
  for (const ComparedOutput& output : comparison.outputs) {
    add_row(&table, output.difference, criteria, criteria.is_missed(output.difference), first);
    if (output.iou) table.note(fmt::format("IoU of what is above 0: {:.6f}", *output.iou));
  }
  print(table.text());
  for (const std::string& name : comparison.outputs_only_a) {
    print(fmt::format("  output {} is A's alone", printable(name)));
  }
  for (const std::string& name : comparison.outputs_only_b) {
    print(fmt::format("  output {} is B's alone", printable(name)));
  }
  if (first != nullptr) print(styled(Style::kRed, divergence_text(*first)));
  if (misses(comparison, criteria, a, b).empty()) {
    print(styled(Style::kGreen, agreement_text(criteria)));
  }
}

}  // namespace lasso::app
