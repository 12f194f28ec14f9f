#include "cli/compare/report_parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/tensor.h"

namespace lasso::app {

namespace {

std::string error_text(double value) { return fmt::format("{:.2e}", value); }

std::string name_of(const LayerDifference& layer) {
  return layer.key_b.empty() ? layer.key : fmt::format("{} ({})", layer.key, layer.key_b);
}

}  // namespace

OrderedJson number_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const auto single = static_cast<float>(value);
  if (static_cast<double>(single) == value) return single;
  return value;
}

OrderedJson layer_json(const LayerDifference& layer) {
  OrderedJson json = {{"layer", layer.key}};
  if (!layer.key_b.empty()) json["layer_b"] = layer.key_b;
  json["shape"] = layer.shape_a;
  json["relative_error"] = number_json(layer.relative());
  if (layer.shape_a != layer.shape_b) {
    json["shape_b"] = layer.shape_b;
    return json;
  }
  const Difference& values = layer.values;
  json["max_abs_difference"] = number_json(std::max(values.max_abs(), 0.0));
  json["mean_abs_difference"] = number_json(values.mean_abs());
  json["max_relative_difference"] = number_json(values.max_element_relative());
  json["mean_relative_difference"] = number_json(values.mean_element_relative());
  json["cosine"] = number_json(values.cosine());
  json["index"] = layer.index_text();
  json["a"] = number_json(values.a());
  json["b"] = number_json(values.b());
  json["not_finite_a"] = values.not_finite_a();
  json["not_finite_b"] = values.not_finite_b();
  return json;
}

OrderedJson criteria_json(const Criteria& criteria) {
  OrderedJson json = {{"tolerance", criteria.tolerance}};
  if (criteria.elements) {
    json["atol"] = criteria.elements->atol;
    json["rtol"] = criteria.elements->rtol;
  }
  if (criteria.min_iou) json["min_iou"] = *criteria.min_iou;
  return json;
}

Table layer_table(const char* title) {
  return Table({{title},
                {"shape"},
                {"max |A-B|", Align::kRight},
                {"mean", Align::kRight},
                {"max |A-B|/|B|", Align::kRight},
                {"mean", Align::kRight},
                {"cosine", Align::kRight},
                {"norms |A-B|/|B|", Align::kRight},
                {"not finite A/B", Align::kRight},
                {""}});
}

void add_row(Table* table, const LayerDifference& layer, const Criteria& criteria, bool is_missed,
             const LayerDifference* first) {
  const Difference& values = layer.values;
  std::string mark;
  if (&layer == first) {
    mark = "<- first divergence";
  } else if (is_missed || criteria.diverges(layer)) {
    mark = "<- above";
  }
  const Style style = mark.empty() ? Style::kPlain : Style::kRed;
  if (layer.shape_a != layer.shape_b) {
    table->add(
        {name_of(layer), lasso::to_string(layer.shape_a) + " " + lasso::to_string(layer.shape_b),
         "", "", "", "", "", error_text(layer.relative()), "", mark},
        style);
    return;
  }
  const std::uint64_t bad_a = values.not_finite_a();
  const std::uint64_t bad_b = values.not_finite_b();
  table->add({name_of(layer), lasso::to_string(layer.shape_a),
              error_text(std::max(values.max_abs(), 0.0)), error_text(values.mean_abs()),
              error_text(values.max_element_relative()), error_text(values.mean_element_relative()),
              fmt::format("{:.6f}", values.cosine()), error_text(layer.relative()),
              bad_a + bad_b > 0 ? fmt::format("{}/{}", bad_a, bad_b) : "", mark},
             style);
}

std::string divergence_text(const LayerDifference& layer) {
  if (layer.shape_a != layer.shape_b) {
    return fmt::format("first divergence: {}, shapes {} and {}", name_of(layer),
                       lasso::to_string(layer.shape_a), lasso::to_string(layer.shape_b));
  }
  return fmt::format("first divergence: {} (relative error {:.2e}), most at {}: A {}, B {}",
                     name_of(layer), layer.relative(), layer.index_text(),
                     static_cast<float>(layer.values.a()), static_cast<float>(layer.values.b()));
}

std::string agreement_text(const Criteria& criteria) {
  std::vector<std::string> parts;
  if (criteria.tolerance_decides) {
    parts.push_back(fmt::format("within the tolerance of {:g}", criteria.tolerance));
  }
  if (criteria.elements) {
    parts.push_back(
        fmt::format("within {:g} + {:g} |B|", criteria.elements->atol, criteria.elements->rtol));
  }
  if (criteria.min_iou)
    parts.push_back(fmt::format("at an IoU of {:g} or more", *criteria.min_iou));
  return fmt::format("all {}", fmt::join(parts, ", "));
}

}  // namespace lasso::app
