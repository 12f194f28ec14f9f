// What is told of two SAM models on one picture.
#include <fmt/format.h>

#include <algorithm>

#include "cli/compare/pictures/compare_pictures.h"
#include "cli/compare/report_parts.h"
#include "cli/console.h"
#include "common/text.h"

namespace lasso::app {

namespace {

OrderedJson side_json(const Operand& operand, const OrderedJson& info,
                      const std::optional<SideTimes>& times) {
  OrderedJson json = {{"file", json_name(operand.model())}, {"variant", operand.variant},
                      {"model", info.at("model")},          {"model_hash", info.at("model_hash")},
                      {"device", info.at("device")},        {"isa", info.at("isa")},
                      {"threads", info.at("threads")}};
  if (times) {
    json["timings"] = {{"encode_ms", times->encode_ms}, {"decode_ms", times->decode_ms}};
  }
  return json;
}

OrderedJson mask_json(const MaskDifference& mask) {
  return {{"iou", mask.iou ? OrderedJson(*mask.iou) : OrderedJson()},
          {"both_empty", !mask.iou},
          {"pixels", mask.pixels},
          {"differing_pixels", mask.differing}};
}

void print_side(const char* name, const Operand& operand, const OrderedJson& info,
                const std::optional<SideTimes>& times) {
  const bool reference = operand.variant == "reference";
  print(fmt::format("{}  {}  {}, {}{}", styled(Style::kBold, name), printable(operand.text()),
                    info.at("model").get<std::string>(),
                    reference ? "reference kernels" : info.at("isa").get<std::string>(),
                    times ? fmt::format("; encoder {:.2f} ms, decoder {:.2f} ms", times->encode_ms,
                                        times->decode_ms)
                          : ""));
}

void print_masks(const PictureComparison& comparison, const Criteria& criteria) {
  for (const MaskDifference& mask : comparison.masks) {
    if (!mask.iou) {
      print("  both masks are empty, and have no IoU");
      continue;
    }
    const std::string line = fmt::format("  mask IoU {:.6f} ({} of {} pixels differ)", *mask.iou,
                                         mask.differing, mask.pixels);
    print(criteria.is_missed(mask.iou) ? styled(Style::kRed, line) : line);
  }
}

}  // namespace

OrderedJson to_json(const PictureComparison& comparison, const Operand& a, const Operand& b,
                    const Criteria& criteria, bool layers) {
  const LayerDifference* first = comparison.first_divergence(criteria);
  const LayerDifference* worst = comparison.worst_layer();
  OrderedJson json = {{"a", side_json(a, comparison.info_a, comparison.times_a)},
                      {"b", side_json(b, comparison.info_b, comparison.times_b)}};
  json.update(criteria_json(criteria));
  json.update(
      {{"equal_within_tolerance", first == nullptr && comparison.failures.empty()},
       {"within_limits", misses(comparison, criteria, a, b).empty() && comparison.failures.empty()},
       {"layer_count", comparison.layers.size()},
       {"worst", worst != nullptr ? layer_json(*worst) : OrderedJson()},
       {"first_divergence", first != nullptr ? layer_json(*first) : OrderedJson()},
       {"results", OrderedJson::array()},
       {"masks", OrderedJson::array()},
       {"only_a", comparison.only_a},
       {"only_b", comparison.only_b},
       {"failures", comparison.failures}});
  for (const LayerDifference& result : comparison.results) {
    json["results"].push_back(layer_json(result));
  }
  for (const MaskDifference& mask : comparison.masks) json["masks"].push_back(mask_json(mask));
  if (layers) {
    json["layers"] = OrderedJson::array();
    for (const LayerDifference& layer : comparison.layers) {
      json["layers"].push_back(layer_json(layer));
    }
  }
  return json;
}

void print_comparison(const PictureComparison& comparison, const Operand& a, const Operand& b,
                      const Criteria& criteria, bool layers) {
  print_side("A", a, comparison.info_a, comparison.times_a);
  print_side("B", b, comparison.info_b, comparison.times_b);
  const LayerDifference* first = comparison.first_divergence(criteria);
  Table table = layer_table("layer");
  if (layers) {
    for (const LayerDifference& layer : comparison.layers) {
      add_row(&table, layer, criteria, false, first);
    }
  }
  for (const LayerDifference& result : comparison.results) {
    add_row(&table, result, criteria, criteria.is_missed(result), first);
  }
  print(table.text());
  print_masks(comparison, criteria);
  const std::size_t only = comparison.only_a.size() + comparison.only_b.size();
  if (only > 0) print(fmt::format("  {} layers exist on one side only, or in another order", only));
  if (const LayerDifference* worst = comparison.worst_layer()) {
    print(fmt::format("{} layers compared, worst relative error {:.2e} in {}",
                      comparison.layers.size(), worst->relative(), worst->key));
  }
  if (first != nullptr) print(styled(Style::kRed, divergence_text(*first)));
  if (misses(comparison, criteria, a, b).empty() && comparison.failures.empty()) {
    print(styled(Style::kGreen, agreement_text(criteria)));
  }
}

}  // namespace lasso::app
